import { conflict } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";

/** The namespaces that a container shares with another one (`--ipc container:X`, `--pid container:X`). */
export const openNamespacesOf = (
  context: ContainerContext,
  { hostConfig }: Readonly<ContainerRecord>,
): { ipcPath?: string; pidPath?: string } => {
  const ipc = sharedWith(context, hostConfig.IpcMode, "IPC");
  const pid = sharedWith(context, hostConfig.PidMode, "PID");
  return {
    ...(ipc === undefined ? {} : { ipcPath: `/proc/${ipc}/ns/ipc` }),
    ...(pid === undefined ? {} : { pidPath: `/proc/${pid}/ns/pid` }),
  };
};

/** The pid of the container a mode names. @throws EngineError not-found, conflict */
const sharedWith = (context: ContainerContext, mode: string | undefined, what: "IPC" | "PID"): number | undefined => {
  if (!mode?.startsWith("container:")) return undefined;
  const reference = mode.slice("container:".length);
  const other = context.containers.find(reference);
  if (other.state.status === "restarting") {
    throw conflict(`Container ${other.id} is restarting, wait until the container is running`);
  }
  if (other.state.status !== "running") {
    throw conflict(`cannot join ${what} namespace of a non running container: ${other.id}`);
  }
  if (what === "IPC" && !["shareable", ""].includes(other.hostConfig.IpcMode ?? "")) {
    throw conflict(
      `can't join IPC of container ${reference}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return other.state.pid;
};
