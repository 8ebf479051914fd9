import { readlinkSync } from "node:fs";
import { conflict, invalidParameter } from "../../base/errors.ts";
import { mapText } from "../../linux/namespace/id-mapping.ts";
import type { HostConfig } from "../../wire/engine/container.ts";
import { parseSecurityOptions } from "../runtime/spec/security-options.ts";
import type { Remap } from "../storage/remap/remap.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerRecord } from "./record.ts";
import { isRunning } from "./state.ts";

type Subject = Pick<ContainerRecord, "state" | "hostConfig" | "idMapping">;

/** How a container's owners are mapped: as it runs, else as it would be started now. undefined: they are not. */
export const remapOf = (context: ContainerContext, record: Readonly<Subject>): Remap | undefined => {
  if (!isRunning(record.state)) return wantedRemap(context, record);
  return record.idMapping ? context.remaps.find(record.idMapping) : undefined;
};

/** How they are to be at the next start. */
export const wantedRemap = (
  context: Pick<ContainerContext, "remaps">,
  { hostConfig }: Pick<ContainerRecord, "hostConfig">,
): Remap | undefined => (hostConfig.UsernsMode === "host" ? undefined : (context.remaps.current ?? undefined));

/**
 * Refuses what cannot be had in a user namespace. Asked again at each start: the daemon's option may be newer.
 * @throws EngineError invalid-parameter in Docker's words
 */
export const checkRemapped = (own: HostConfig): void => {
  if (own.Privileged) {
    throw invalidParameter(
      "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
    );
  }
  if (own.NetworkMode === "host") {
    throw invalidParameter("cannot share the host's network namespace when user namespaces are enabled");
  }
  if (own.PidMode === "host") {
    throw invalidParameter("cannot share the host PID namespace when user namespaces are enabled");
  }
  if (parseSecurityOptions(own.SecurityOpt).writableCgroups === true) {
    throw invalidParameter("option WritableCgroups conflicts with user namespaces and rootless mode");
  }
};

/**
 * The user namespace that a container must be in for those that it joins by `container:X`: a namespace can be entered
 * from the user namespace that it belongs to alone. undefined: none, it gets its own.
 * @returns its path
 * @throws EngineError conflict when there is none such
 */
export const joinedUserNamespace = (
  context: ContainerContext,
  { hostConfig }: Readonly<ContainerRecord>,
  remap: Remap,
): string | undefined => {
  let joined: { path: string; inode: string } | undefined;
  for (const [what, mode] of [
    ["network", hostConfig.NetworkMode],
    ["IPC", hostConfig.IpcMode],
    ["PID", hostConfig.PidMode],
  ] as const) {
    if (!mode?.startsWith("container:")) continue;
    const other = context.containers.find(mode.slice("container:".length));
    // Refused elsewhere, each in words of its own.
    if (other.state.status !== "running") continue;
    const refused = `cannot join ${what} namespace of container ${other.id}: it is in another user namespace`;
    if (!other.idMapping || !isSame(other.idMapping, remap.mapping)) throw conflict(refused);
    const path = `/proc/${other.state.pid}/ns/user`;
    const inode = readlinkSync(path);
    if (joined !== undefined && joined.inode !== inode) throw conflict(refused);
    joined = { path, inode };
  }
  return joined?.path;
};

const isSame = (a: Remap["mapping"], b: Remap["mapping"]): boolean =>
  mapText(a.uids) === mapText(b.uids) && mapText(a.gids) === mapText(b.gids);
