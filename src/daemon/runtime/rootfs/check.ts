import { closeSync } from "node:fs";
import { invalidParameter } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { openDirectory } from "../../../linux/file/open.ts";
import { isDirectory, statat } from "../../../linux/file/stat.ts";
import type { OciSpec } from "../../../wire/oci/runtime.ts";

/** What the runtime mounts over and then writes below: a symlink here has led runtimes out of the container. */
const mountedOver = ["dev", "proc", "sys"];

/**
 * Refuses a root filesystem whose /dev, /proc or /sys is anything but a directory, or missing (CVE-2026-47766 in crun
 * before 1.28, CVE-2019-16884 in runc).
 *
 * @throws EngineError invalid-parameter
 */
export const checkRootfs = (spec: OciSpec): void => {
  const root = openDirectory(spec.root.path);
  try {
    for (const name of mountedOver) {
      if (!isDirectoryOrMissing(root, name)) {
        throw invalidParameter(
          `failed to create task for container: the image's "/${name}" is not a directory: such a root filesystem is not run`,
        );
      }
    }
  } finally {
    closeSync(root);
  }
  for (const { destination, type } of spec.mounts) {
    if (/^\/proc(?:\/|$)/.test(destination) && type !== "proc") checkProcMount(destination);
  }
};

const isDirectoryOrMissing = (root: number, name: string): boolean => {
  try {
    return isDirectory(statat(root, name));
  } catch (error) {
    if (isCode(error, "ENOENT")) return true;
    throw error;
  }
};

// Files in /proc that containers have long had something mounted over (lxcfs does); nothing there can be led astray.
const harmlessProcMounts = [
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
  "/proc/loadavg",
  "/proc/slabinfo",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/sys/crypto/fips_enabled",
];

const checkProcMount = (destination: string): void => {
  if (harmlessProcMounts.includes(destination)) return;
  throw invalidParameter(
    `failed to create task for container: failed to create shim task: OCI runtime create failed: ` +
      `"${destination}" cannot be mounted because it is inside /proc: unknown`,
  );
};
