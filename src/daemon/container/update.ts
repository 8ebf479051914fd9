import { conflict, invalidParameter } from "../../base/errors.ts";
import type { HostConfig, Resources } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";
import type { Task } from "../runtime/task.ts";
import { createResources } from "../runtime/spec/resources.ts";
import { checkLimits } from "./create/limits.ts";
import { checkRestartPolicy } from "./create/options.ts";
import { eventAttributes } from "./record.ts";
import { isRunning } from "./state.ts";

type UpdateBody = Resources & Pick<HostConfig, "RestartPolicy">;

/** The limits that may change while a container lives. */
const updatable = [
  "BlkioWeight",
  "CpuShares",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "Memory",
  "MemoryReservation",
  "MemorySwap",
  "NanoCpus",
  "PidsLimit",
] as const satisfies (keyof Resources)[];

/**
 * Changes limits, at once in a running container, and the restart policy.
 * @throws EngineError not-found, invalid-parameter, conflict
 */
export const update = (
  context: ContainerContext,
  reference: string,
  body: UpdateBody,
): Promise<{ Warnings: string[] | null }> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    checkLimits(body, true);
    checkRestartPolicy(body.RestartPolicy);
    if (record.hostConfig.AutoRemove && body.RestartPolicy?.Name && body.RestartPolicy.Name !== "no") {
      throw invalidParameter("Restart policy cannot be updated because AutoRemove is enabled for the container");
    }
    const hostConfig = merge(record.hostConfig, body);
    if (context.live.of(id).removing || record.state.status === "dead") {
      throw conflict(`Cannot update container ${id}: Container is marked for removal and cannot be "update".`);
    }
    checkMerged(id, hostConfig);
    const { task } = context.live.of(id);
    if (isRunning(record.state) && task) await apply(context, task, hostConfig, body);
    context.containers.update(
      id,
      () => ({ hostConfig }),
      (transaction) =>
        transaction.emit({
          Type: "container",
          Action: "update",
          Actor: { ID: id, Attributes: eventAttributes(record) },
        }),
    );
    return { Warnings: null };
  });
};

/** A limit that is taken away is told to the cgroup by itself: a description of all limits only leaves it out. */
const apply = async (
  context: ContainerContext,
  task: Task,
  hostConfig: HostConfig,
  body: UpdateBody,
): Promise<void> => {
  const { host } = context;
  const resources = createResources({ hostConfig, host });
  if (body.MemorySwap === -1 && host.cgroup.has.has("memory.swap"))
    resources.memory = { ...resources.memory, swap: -1 };
  await task.update(resources);
  if (typeof body.PidsLimit === "number" && body.PidsLimit <= 0) task.liftPidsLimit();
};

const merge = (before: HostConfig, body: UpdateBody): HostConfig => {
  const after: HostConfig = { ...before };
  for (const key of updatable) {
    const value = body[key];
    if (value !== undefined && value !== null && value !== 0 && value !== "") Object.assign(after, { [key]: value });
  }
  if (body.PidsLimit === 0) after.PidsLimit = 0;
  const policy = body.RestartPolicy;
  if (policy?.Name) {
    after.RestartPolicy = { Name: policy.Name, MaximumRetryCount: policy.MaximumRetryCount ?? 0 };
  }
  return after;
};

const checkMerged = (id: string, { Memory = 0, MemorySwap = 0, NanoCpus = 0, CpuQuota = 0 }: HostConfig): void => {
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory) {
    throw conflict(
      `Cannot update container ${id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
    );
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
  }
};
