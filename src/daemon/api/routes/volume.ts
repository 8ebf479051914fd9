import { unavailable } from "../../../base/errors.ts";
import { volumeCreate } from "../body/volume.ts";
import type { Route } from "../router.ts";
import type { VolumeRoutesService } from "../../services.ts";

/** **Source:** Engine API, tag Volume. */
export const volumeRoutes = (volumes: VolumeRoutesService): Route[] => [
  {
    method: "GET",
    path: "/volumes",
    handle: async (call) => call.json(200, await volumes.list(call.query.filters())),
  },
  {
    method: "POST",
    path: "/volumes/create",
    handle: async (call) => call.json(201, await volumes.create((await call.optionalBody(volumeCreate)) ?? {})),
  },
  {
    method: "GET",
    path: "/volumes/{name}",
    handle: async (call) => call.json(200, await volumes.get(call.param("name"))),
  },
  {
    method: "PUT",
    path: "/volumes/{name}",
    handle: () => Promise.reject(unavailable("volume update only valid for cluster volumes, but swarm is unavailable")),
  },
  {
    method: "DELETE",
    path: "/volumes/{name}",
    handle: async (call) => {
      await volumes.remove(call.param("name"), { force: call.query.boolean("force") });
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/volumes/prune",
    handle: async (call) => call.json(200, await volumes.prune(call.query.filters())),
  },
];
