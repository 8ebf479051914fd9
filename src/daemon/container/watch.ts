import { readFileSync } from "node:fs";
import { usage } from "../../linux/cgroup/usage.ts";
import type { ContainerStatsResponse, ContainerTopResponse } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";
import { eventAttributes } from "./record.ts";
import { hostUsage, parseInterfaces, type Sample } from "./stats.ts";
import { stats } from "./stats-stream.ts";
import { top } from "./top.ts";

/** The processes of a container. @throws EngineError not-found, conflict */
export const topContainer = async (
  context: ContainerContext,
  reference: string,
  psArgs: string,
): Promise<ContainerTopResponse> => {
  const record = context.containers.find(reference);
  const task = context.live.find(record.id)?.task;
  const answer = await top(
    {
      id: record.id,
      running: record.state.status === "running" || record.state.status === "restarting",
      restarting: record.state.status === "restarting",
      pids: () => task?.pids() ?? [],
    },
    psArgs,
  );
  context.database.emit({
    Type: "container",
    Action: "top",
    Actor: { ID: record.id, Attributes: eventAttributes(record) },
  });
  return answer;
};

/** What a container uses, once or again and again. @throws EngineError not-found, invalid-parameter */
export const containerStats = (
  context: ContainerContext,
  reference: string,
  options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
): AsyncIterable<ContainerStatsResponse> => {
  const { id, name } = context.containers.find(reference);
  return stats(
    {
      id,
      name,
      sample: () => sample(context, id),
      removed: () => context.containers.get(id) === undefined,
    },
    options,
  );
};

const sample = (context: ContainerContext, id: string): Sample | null => {
  const task = context.live.find(id)?.task;
  const record = context.containers.get(id);
  if (!task || record?.state.status !== "running") return null;
  const used = usage(context.cgroups, task.cgroup);
  if (!used) return null;
  const own = record.hostConfig.NetworkMode !== "host";
  return {
    readNs: context.clock.nowNs(),
    usage: used,
    host: hostUsage(),
    networks: own ? interfaces(task.pid) : null,
  };
};

const interfaces = (pid: number): Sample["networks"] => {
  try {
    return parseInterfaces(readFileSync(`/proc/${pid}/net/dev`, "utf8"));
  } catch {
    // It ended between the look at its cgroup and this one.
    return null;
  }
};
