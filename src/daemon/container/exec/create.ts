import { newContainerId } from "../../../base/ids.ts";
import { conflict, invalidParameter, systemError } from "../../../base/errors.ts";
import type { ExecConfig } from "../../../wire/engine/exec.ts";
import { parseDetachKeys } from "../attach/detach-keys.ts";
import type { ContainerContext } from "../context.ts";
import { type ContainerRecord, eventAttributes } from "../record.ts";
import type { EventInput } from "../../event/event.ts";
import { execUser } from "./process.ts";
import type { ExecRecord } from "./record.ts";

/** @throws EngineError not-found, conflict when the container cannot execute now, invalid-parameter */
export const execCreate = (context: ContainerContext, reference: string, config: ExecConfig): { Id: string } => {
  const container = context.containers.find(reference);
  requireExecutable(container, reference);
  context.runtime.expectStart();
  const [path, ...args] = config.Cmd ?? [];
  if (path === undefined) throw invalidParameter("No exec command specified");
  for (const entry of config.Env ?? []) {
    if (entry.startsWith("=") || entry === "") throw invalidParameter(`invalid environment variable: ${entry}`);
  }
  parseDetachKeys(config.DetachKeys ?? "", systemError);
  // Told here already, as dockerd does; the process looks it up again when it starts.
  execUser(context, container, config);
  const record: ExecRecord = {
    id: newContainerId(),
    containerId: container.id,
    config,
    path,
    args,
    state: { status: "created" },
  };
  context.execs.put(record, execEvent(container, record, "exec_create"));
  return { Id: record.id };
};

/** @param called what the message calls the container. @throws EngineError conflict */
export const requireExecutable = (container: Readonly<ContainerRecord>, called = container.id): void => {
  const { state, id } = container;
  if (state.status === "restarting") {
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  }
  if (state.status !== "running") throw conflict(`container ${id} is not running`);
  if (state.paused) throw conflict(`Container ${called} is paused, unpause the container before exec`);
};

/** The events of an exec carry its command in their name, save `exec_die`, which carries its exit code. */
export const execEvent = (
  container: Readonly<ContainerRecord>,
  exec: Readonly<ExecRecord>,
  action: "exec_create" | "exec_start" | "exec_detach" | "exec_die",
  more: Record<string, string> = {},
): EventInput => ({
  Type: "container",
  Action:
    action === "exec_create" || action === "exec_start" ? `${action}: ${exec.path} ${exec.args.join(" ")}` : action,
  Actor: { ID: container.id, Attributes: { ...eventAttributes(container), execID: exec.id, ...more } },
});
