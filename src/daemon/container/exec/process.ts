import type { OciProcess } from "../../../wire/oci/runtime.ts";
import type { ExecConfig } from "../../../wire/engine/exec.ts";
import { createProcess } from "../../runtime/spec/process.ts";
import { lookupUser, type ProcessUser } from "../../runtime/user/lookup.ts";
import { readUserDatabase } from "../../runtime/user/read.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { remapOf } from "../remap.ts";

/** Who an exec runs as: its own user, else the container's. @throws EngineError invalid-parameter when there is none such */
export const execUser = (
  context: ContainerContext,
  container: Readonly<ContainerRecord>,
  config: ExecConfig,
): ProcessUser =>
  lookupUser(
    config.User || (container.config.User ?? ""),
    readUserDatabase(context.layers.writable.mount(container.id, remapOf(context, container))),
    container.hostConfig.GroupAdd ?? [],
  );

/**
 * The process.json of an exec: the container's own process with the exec's command, user, environment and directory.
 * `--privileged` gives every capability; the container's seccomp filter and limits stay.
 */
export const execProcess = (
  context: ContainerContext,
  container: Readonly<ContainerRecord>,
  config: ExecConfig,
): OciProcess => {
  const { hostConfig } = container;
  const { rows, columns } = { rows: config.ConsoleSize?.[0] ?? 0, columns: config.ConsoleSize?.[1] ?? 0 };
  return createProcess({
    config: {
      ...container.config,
      Tty: config.Tty ?? false,
      Env: [...(container.config.Env ?? []), ...(config.Env ?? [])],
      WorkingDir: config.WorkingDir || (container.config.WorkingDir ?? ""),
      Entrypoint: [],
      Cmd: config.Cmd ?? [],
    },
    hostConfig: {
      ...hostConfig,
      Init: false,
      Privileged: (hostConfig.Privileged ?? false) || (config.Privileged ?? false),
      ConsoleSize: [rows, columns],
    },
    user: execUser(context, container, config),
    host: context.host,
    defaults: { ...context.specDefaults, init: false },
  });
};
