import { invalidParameter } from "../../../base/errors.ts";
import { registryAuth } from "../body/auth.ts";
import type { Route } from "../router.ts";
import { diskUsageTypes, type SystemRoutesService } from "../../services.ts";

/** **Source:** Engine API, tag System. */
export const systemRoutes = (system: SystemRoutesService): Route[] => [
  { method: "GET", path: "/version", handle: async (call) => call.json(200, await system.version()) },
  { method: "GET", path: "/info", handle: async (call) => call.json(200, await system.info()) },
  {
    method: "GET",
    path: "/system/df",
    handle: async (call) => {
      const types = call.query.strings("type").map((name) => {
        const type = diskUsageTypes.find((known) => known === name);
        if (type === undefined) throw invalidParameter(`unknown object type: ${name}`);
        return type;
      });
      call.json(200, await system.diskUsage(types));
    },
  },
  // Berth's own: Docker has nothing that adds up to what is on the disk.
  { method: "GET", path: "/system/disk", handle: async (call) => call.json(200, await system.diskDetails()) },
  {
    method: "POST",
    path: "/auth",
    handle: async (call) => {
      const credentials = await call.untypedBody(registryAuth);
      call.json(200, await system.auth(credentials, call.signal));
    },
  },
  // Answered before any routing; routed too, so that its versioned form is known and checked.
  { method: "GET", path: "/_ping", handle: () => {} },
  { method: "HEAD", path: "/_ping", handle: () => {} },
];
