import type { VersionStep } from "../version-step.ts";

/** **Source:** Engine API version history. */
export const volumeSteps: readonly VersionStep[] = [
  {
    version: 42,
    routes: ["POST /volumes/prune"],
    // Named volumes were pruned too.
    query: ({ values }) => {
      const filters = JSON.parse(values.get("filters") || "{}") as Record<string, unknown>;
      values.set("filters", JSON.stringify({ ...filters, all: ["true"] }));
    },
  },
];
