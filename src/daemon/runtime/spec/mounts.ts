import { posix } from "node:path";
import { invalidParameter } from "../../../base/errors.ts";
import type { OciMount } from "../../../wire/oci/runtime.ts";
import { createDefaultMounts } from "./default-mounts.ts";
import { existing } from "./existing.ts";
import type { SpecInput, SpecMount, SpecTmpfs } from "./input.ts";
import { initDestination, usesInit } from "./process.ts";
import { mergeTmpfsOptions } from "./tmpfs.ts";

/** Mounts that stay writable below a read-only root: the runtime needs them so. */
const writableBelowReadOnly = ["/proc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"];

/**
 * All mounts of a container in the order they are made: Docker's own, then the container's from the shallowest to the
 * deepest. One of the container's replaces the default one of the same place; its own /dev replaces all below /dev.
 */
export const createMounts = (input: SpecInput): OciMount[] => {
  const { hostConfig, host, defaults } = input;
  const own: (SpecMount | SpecTmpfs)[] = [...input.mounts, ...etcFiles(input), ...input.tmpfs];
  if (input.shmPath !== undefined) {
    own.push({ source: input.shmPath, destination: "/dev/shm", readOnly: false, propagation: "rprivate" });
  }
  const places = new Set(own.map(({ destination }) => destination));
  const base = createDefaultMounts(input).filter(
    ({ destination }) =>
      !places.has(destination) &&
      !(places.has("/dev") && destination.startsWith("/dev/")) &&
      !(noShm(input) && destination === "/dev/shm"),
  );
  const sorted = own.toSorted((a, b) => depth(a.destination) - depth(b.destination));
  const mounts = [
    ...base.map((mount) => (hostConfig.ReadonlyRootfs ? readOnlyBelow(mount) : mount)),
    ...sorted.map((mount) => ("source" in mount ? bind(mount, host.recursiveReadOnly) : tmpfs(mount))),
  ];
  if (!usesInit(input)) return mounts;
  if (defaults.initPath === null) throw invalidParameter("docker-init: executable file not found in $PATH");
  return [
    ...mounts,
    { destination: initDestination, type: "bind", source: defaults.initPath, options: ["bind", "ro"] },
  ];
};

/** A shared or slave mount can only be seen as one when the root's propagation lets it through. */
export const rootPropagation = (mounts: readonly SpecMount[]): string | undefined => {
  const modes = new Set(mounts.map(({ propagation }) => propagation));
  if (modes.has("shared") || modes.has("rshared")) return "shared";
  return modes.has("slave") || modes.has("rslave") ? "rslave" : undefined;
};

const noShm = ({ hostConfig }: SpecInput): boolean => hostConfig.IpcMode === "none";

const etcFiles = ({ files, hostConfig, mounts }: SpecInput): SpecMount[] =>
  [
    { source: files.resolvConf, destination: "/etc/resolv.conf" },
    { source: files.hostname, destination: "/etc/hostname" },
    { source: files.hosts, destination: "/etc/hosts" },
  ].flatMap(({ source, destination }) =>
    source === undefined || mounts.some((mount) => mount.destination === destination)
      ? []
      : [{ source, destination, file: true, readOnly: hostConfig.ReadonlyRootfs === true, propagation: "rprivate" }],
  );

const readOnlyBelow = (mount: OciMount): OciMount =>
  writableBelowReadOnly.includes(mount.destination) || (mount.options ?? []).includes("ro")
    ? mount
    : { ...mount, options: [...(mount.options ?? []), "ro"] };

const bind = (mount: SpecMount, recursiveReadOnly: boolean): OciMount => {
  if (mount.readOnlyNonRecursive && mount.readOnlyForceRecursive) {
    throw invalidParameter("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
  }
  if (mount.readOnlyForceRecursive && !recursiveReadOnly) {
    throw invalidParameter("rro is not supported: kernel version is older than 5.12");
  }
  // Nothing is mounted below a file, and crun cannot open one for a recursive change.
  const recursive = recursiveReadOnly && mount.readOnlyNonRecursive !== true && mount.file !== true;
  return {
    destination: mount.destination,
    type: "bind",
    source: mount.source,
    options: [
      mount.nonRecursive ? "bind" : "rbind",
      ...(mount.readOnly ? [recursive ? "rro" : "ro"] : []),
      mount.propagation || "rprivate",
    ],
  };
};

const tmpfs = ({ destination, options }: SpecTmpfs): OciMount => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  ...existing("options", mergeTmpfsOptions(options)),
});

const depth = (path: string): number =>
  posix.normalize(path) === "/" ? 1 : path.split("/").filter(Boolean).length + 1;
