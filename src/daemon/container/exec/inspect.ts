import type { ExecInspectResponse } from "../../../wire/engine/exec.ts";
import { parseDetachKeys } from "../attach/detach-keys.ts";
import type { ContainerContext } from "../context.ts";

/** **Source:** Engine API, ExecInspect. @throws EngineError not-found */
export const execInspect = (context: ContainerContext, id: string): ExecInspectResponse => {
  const { config, state, containerId, path, args } = context.execs.find(id);
  const started = state.status !== "created";
  return {
    ID: id,
    Running: state.status === "running",
    ExitCode: state.status === "exited" ? state.exitCode : null,
    ProcessConfig: {
      tty: config.Tty ?? false,
      entrypoint: path,
      arguments: args,
      privileged: config.Privileged ?? false,
      ...(config.User ? { user: config.User } : {}),
    },
    OpenStdin: config.AttachStdin ?? false,
    OpenStderr: config.AttachStderr ?? false,
    OpenStdout: config.AttachStdout ?? false,
    // dockerd sets it only in the moment it forgets the exec.
    CanRemove: false,
    ContainerID: containerId,
    // Go writes bytes as base64.
    DetachKeys: config.DetachKeys ? parseDetachKeys(config.DetachKeys).toString("base64") : "",
    Pid: started ? state.pid : 0,
  };
};
