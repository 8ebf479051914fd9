import { conflict, invalidParameter } from "../../base/errors.ts";
import type { HostConfig, Resources } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";
import { updateResources } from "../runtime/spec/resources.ts";
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
    if (isRunning(record.state))
      await context.live.of(id).task?.update(updateResources({ hostConfig, host: context.host }));
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
