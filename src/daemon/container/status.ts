import { humanDuration } from "../../base/human.ts";
import type { ContainerRecord } from "./record.ts";

export type HealthStatus = "none" | "starting" | "healthy" | "unhealthy";

/**
 * The STATUS column of `docker ps`: "Up 2 minutes (healthy)", "Exited (0) 3 days ago", "Restarting (1) 2 seconds ago".
 * @param nowMs the present, milliseconds since the epoch
 */
export const statusText = (record: ContainerRecord, health: HealthStatus, nowMs: number): string => {
  const { state } = record;
  const since = (ns: string | null): string => humanDuration(Math.max(0, nowMs - Number(BigInt(ns ?? 0) / 1_000_000n)));
  switch (state.status) {
    case "running": {
      const up = `Up ${since(state.startedNs)}`;
      if (state.paused) return `${up} (Paused)`;
      if (health === "starting") return `${up} (health: starting)`;
      return health === "none" ? up : `${up} (${health})`;
    }
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedNs)} ago`;
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return state.finishedNs === null ? "Created" : `Exited (${state.exitCode}) ${since(state.finishedNs)} ago`;
  }
};
