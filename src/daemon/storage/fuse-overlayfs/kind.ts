import { existsSync } from "node:fs";
import { dirname, relative } from "node:path";
import { notImplemented, systemError } from "../../../base/errors.ts";
import type { IdRange } from "../../../linux/namespace/id-mapping.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { runSync } from "../../../linux/process/run-sync.ts";
import type { OverlayKind } from "../overlay2/kind.ts";
import { tryOverlay } from "../overlay2/try.ts";

const program = "fuse-overlayfs";
/** It answers within milliseconds, once it serves the mount in the background. */
const mountMaxMs = 10_000;

const mount: OverlayKind["mount"] = ({ root, lower, upper, work, target, mapped }) => {
  const path = findBinary(program);
  if (path === null) throw notImplemented("the fuse-overlayfs storage driver needs the program fuse-overlayfs");
  // Paths below the driver's directory hold no character that its option list would take for its own.
  const layers = [`lowerdir=${lower.map((layer) => relative(root, layer)).join(":")}`];
  if (upper !== undefined && work !== undefined) {
    layers.push(`upperdir=${relative(root, upper)}`, `workdir=${relative(root, work)}`);
  }
  const owners =
    mapped === undefined
      ? []
      : [`uidmapping=${option(mapped.mapping.uids)}`, `gidmapping=${option(mapped.mapping.gids)}`];
  const options = ["dev", "suid", ...layers, ...owners].join(",");
  const { code, stderr } = runSync([path, "-o", options, relative(root, target)], {
    cwd: root,
    timeoutMs: mountMaxMs,
  });
  if (code !== 0) throw systemError(`mounting with fuse-overlayfs failed: ${stderr.trim() || `status ${code}`}`);
};

const option = (ranges: readonly IdRange[]): string =>
  ranges.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`).join(":");

/**
 * Overlay in a program of the host, for kernels or backing filesystems that have none. Each mount has a process of its
 * own, which ends with the mount and outlives the daemon.
 *
 * **Source:** fuse-overlayfs(1).
 */
export const fuseOverlayfs: OverlayKind = {
  name: "fuse-overlayfs",
  filesystemType: "fuse.fuse-overlayfs",
  check: (root) => {
    if (findBinary(program) === null || !existsSync("/dev/fuse")) throw notImplemented("driver not supported");
    if (!existsSync(root)) tryOverlay(dirname(root), mount);
  },
  mount,
  status: () => [],
  mapsLayers: false,
  quota: { refusal: "--storage-opt is not supported" },
};
