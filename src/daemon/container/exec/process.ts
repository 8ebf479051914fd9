import type { OciProcess } from "../../../wire/oci/runtime.ts";
import type { ExecConfig } from "../../../wire/engine/exec.ts";
import { createProcess } from "../../runtime/spec/process.ts";
import { lookupUser } from "../../runtime/user/lookup.ts";
import { readUserDatabase } from "../../runtime/user/read.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";

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
  const user = config.User || (container.config.User ?? "");
  const { rows, columns } = { rows: config.ConsoleSize?.[0] ?? 0, columns: config.ConsoleSize?.[1] ?? 0 };
  return createProcess({
    config: {
      ...container.config,
      User: user,
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
    user: lookupUser(user, readUserDatabase(context.layers.mountWritable(container.id)), hostConfig.GroupAdd ?? []),
    host: context.host,
    defaults: { ...context.specDefaults, init: false },
  });
};
