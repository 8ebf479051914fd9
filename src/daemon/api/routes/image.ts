import { invalidParameter, notFound } from "../../../base/errors.ts";
import type { Route } from "../router.ts";
import type { ImageRoutesService } from "../../services.ts";
import { maxApiMinor } from "../version.ts";
import { platformOf, platformsOf } from "./platform.ts";

/** What the engine knows of its images. **Source:** Engine API, tag Image. */
export const imageRoutes = (images: ImageRoutesService): Route[] => [
  {
    method: "GET",
    path: "/images/json",
    handle: async (call) => {
      const { query } = call;
      const listed = await images.list({
        all: query.boolean("all"),
        sharedSize: query.boolean("shared-size"),
        manifests: query.boolean("manifests"),
        filters: query.filters(),
      });
      call.json(200, listed);
    },
  },
  {
    method: "GET",
    path: "/images/{name}/json",
    handle: async (call) => {
      const manifests = call.query.boolean("manifests");
      const platform = platformOf(call.query.string("platform"));
      if (manifests && platform !== undefined) {
        throw invalidParameter("conflicting options: manifests and platform options cannot both be set");
      }
      call.json(200, await images.inspect(call.param("name"), { platform, manifests }));
    },
  },
  {
    method: "GET",
    path: "/images/{name}/history",
    handle: async (call) => {
      const platform = platformOf(call.query.string("platform"));
      call.json(200, await images.history(call.param("name"), { platform }));
    },
  },
  {
    method: "GET",
    path: "/images/{name}/attestations",
    handle: async (call) => {
      // Of a version that is not served yet: clients that negotiate do not find it, the newest path has it.
      if (call.version < maxApiMinor) throw notFound("page not found");
      const asked = call.query.strings("platform");
      if (asked.length > 1) throw invalidParameter("only one platform can be specified");
      const found = await images.attestations(call.param("name"), {
        platform: platformOf(asked[0] ?? ""),
        types: call.query.strings("type"),
        statement: call.query.boolean("statement"),
      });
      call.json(200, found);
    },
  },
  {
    method: "POST",
    path: "/images/{name}/tag",
    handle: async (call) => {
      await images.tag(call.param("name"), call.query.string("repo"), call.query.string("tag"));
      call.empty(201);
    },
  },
  {
    method: "DELETE",
    path: "/images/{name}",
    handle: async (call) => {
      const name = call.param("name");
      if (name.trim() === "") throw invalidParameter("image name cannot be blank");
      const removed = await images.remove(name, {
        force: call.query.boolean("force"),
        prune: !call.query.boolean("noprune"),
        platforms: platformsOf(call.query.strings("platforms")),
      });
      call.json(200, removed);
    },
  },
  {
    method: "POST",
    path: "/images/prune",
    handle: async (call) => call.json(200, await images.prune(call.query.filters())),
  },
];
