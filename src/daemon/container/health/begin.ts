import type { ContainerConfig } from "../../../wire/engine/container.ts";
import type { ContainerContext } from "../context.ts";
import { type ContainerRecord, eventAttributes } from "../record.ts";
import { runProbe } from "./probe.ts";
import { HealthMonitor, hasHealthcheck } from "./monitor.ts";

/** Begins a started container's health checks, when it has any. They end with its exit. */
export const beginHealth = (context: ContainerContext, record: Readonly<ContainerRecord>): void => {
  const live = context.live.of(record.id);
  live.health?.stop();
  live.health = undefined;
  const check = record.config.Healthcheck;
  if (!hasHealthcheck(check)) return;
  live.health = new HealthMonitor(
    check,
    context.clock,
    (signal) => runProbe(context, record.id, probeCommand(record.config), signal),
    (status) =>
      context.database.emit({
        Type: "container",
        Action: `health_status: ${status}`,
        Actor: { ID: record.id, Attributes: eventAttributes(context.containers.get(record.id) ?? record) },
      }),
  );
};

/** `CMD a b` runs as it is, `CMD-SHELL text` through the image's shell. */
const probeCommand = (config: ContainerConfig): string[] => {
  const [kind, ...rest] = config.Healthcheck?.Test ?? [];
  if (kind === "CMD") return rest;
  const shell = config.Shell && config.Shell.length > 0 ? config.Shell : ["/bin/sh", "-c"];
  return kind === "CMD-SHELL" ? [...shell, rest.join(" ")] : [...shell, [kind ?? "", ...rest].join(" ")];
};
