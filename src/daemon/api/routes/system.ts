import type { Route } from "../router.ts";
import type { SystemService } from "../services.ts";

/** **Source:** Engine API, tag System. */
export const systemRoutes = (system: SystemService): Route[] => [
  { method: "GET", path: "/version", handle: (call) => call.json(200, system.version()) },
  { method: "GET", path: "/info", handle: async (call) => call.json(200, await system.info()) },
  // Answered before any routing; routed too, so that its versioned form is known and checked.
  { method: "GET", path: "/_ping", handle: () => {} },
  { method: "HEAD", path: "/_ping", handle: () => {} },
];
