import { closeSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { invalidParameter } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { AT_FDCWD, O_PATH, fileType } from "../../../linux/file/flags.ts";
import { openat2 } from "../../../linux/file/open.ts";
import { statOf, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import type { OciDevice, OciDeviceRule } from "../../../wire/oci/runtime.ts";
import { parseDeviceRule } from "../spec/devices.ts";
import type { ThrottleNumbers } from "../spec/input.ts";

/** Device nodes a container gets, and what its cgroup lets it do with them. */
export interface FoundDevices {
  nodes: OciDevice[];
  rules: OciDeviceRule[];
}

/** Deeper than /dev ever is. */
const maxDepth = 8;
const maxDevices = 16_384;

// The runtime makes these itself, or they are another container's.
const skippedFolders = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];

/**
 * Looks up `--device`, `--device-cgroup-rule` and, of a privileged container, all devices of the host.
 *
 * @throws EngineError in Docker's words for a path that is no device.
 */
export const findDevices = (hostConfig: HostConfig): FoundDevices => {
  const privileged = hostConfig.Privileged === true;
  const nodes: OciDevice[] = privileged ? devicesBelow("/dev") : [];
  const rules: OciDeviceRule[] = [];
  for (const {
    PathOnHost: host = "",
    PathInContainer: inside = "",
    CgroupPermissions: access = "",
  } of hostConfig.Devices ?? []) {
    if (privileged && nodes.some(({ path }) => path === inside)) continue;
    const found = devicesAt(host, inside || host);
    nodes.push(...found);
    if (!privileged) rules.push(...found.map((node) => ruleOf(node, access || "rwm")));
  }
  if (!privileged) rules.push(...(hostConfig.DeviceCgroupRules ?? []).map(parseDeviceRule));
  return { nodes, rules };
};

/** The device numbers of the block devices that blkio limits name; those that are not there are left out. */
export const findThrottleDevices = (hostConfig: HostConfig): ThrottleNumbers => {
  const paths = [
    ...(hostConfig.BlkioWeightDevice ?? []),
    ...(hostConfig.BlkioDeviceReadBps ?? []),
    ...(hostConfig.BlkioDeviceWriteBps ?? []),
    ...(hostConfig.BlkioDeviceReadIOps ?? []),
    ...(hostConfig.BlkioDeviceWriteIOps ?? []),
  ].map(({ Path: path = "" }) => path);
  const found: Record<string, { major: number; minor: number }> = {};
  for (const path of paths) {
    const stat = follow(path);
    if (stat !== null) found[path] = stat.rdev;
  }
  return found;
};

const devicesAt = (host: string, inside: string): OciDevice[] => {
  const stat = follow(host);
  if (stat === null) throw noDevice(host, "no such file or directory");
  const type = stat.mode & fileType.mask;
  if (type !== fileType.directory) {
    const device = deviceOf(stat, inside);
    if (device === null) throw noDevice(host, "not a device node");
    return [device];
  }
  const below = devicesBelow(host).map((device) => ({
    ...device,
    path: posix.join(inside, device.path.slice(host.length)),
  }));
  if (below.length === 0) throw noDevice(host, "not a device node");
  return below;
};

const noDevice = (path: string, why: string): Error =>
  invalidParameter(`error gathering device information while adding custom device ${JSON.stringify(path)}: ${why}`);

const devicesBelow = (folder: string, depth = 0, found: OciDevice[] = []): OciDevice[] => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = statat(AT_FDCWD, path);
    if ((stat.mode & fileType.mask) === fileType.directory) {
      if (!skippedFolders.includes(name) && depth < maxDepth) devicesBelow(path, depth + 1, found);
      continue;
    }
    const device = name === "console" ? null : deviceOf(stat, path);
    if (device !== null && device.type !== "p" && found.length < maxDevices) found.push(device);
  }
  return found;
};

const deviceOf = ({ mode, uid, gid, rdev }: Stat, path: string): OciDevice | null => {
  const type = mode & fileType.mask;
  const letter =
    type === fileType.character ? "c" : type === fileType.block ? "b" : type === fileType.fifo ? "p" : null;
  if (letter === null) return null;
  return { path, type: letter, major: rdev.major, minor: rdev.minor, fileMode: mode & 0o7777, uid, gid };
};

const ruleOf = ({ type, major, minor }: OciDevice, access: string): OciDeviceRule => ({
  allow: true,
  type: type === "b" ? "b" : "c",
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
  access,
});

const follow = (path: string): Stat | null => {
  try {
    const fd = openat2(AT_FDCWD, path, { flags: O_PATH });
    try {
      return statOf(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
};
