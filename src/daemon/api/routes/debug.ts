import type { Route } from "../router.ts";

/** What operators look at. Go's profiles have no counterpart here. **Source:** Engine API of dockerd, `/debug/vars`. */
export const debugRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/debug/vars",
    handle: (call) => call.json(200, { cmdline: process.argv, memstats: process.memoryUsage() }),
  },
];
