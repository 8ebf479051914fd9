import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { notImplemented } from "../../../base/errors.ts";
import { hasFilesystem, mountOverlay } from "../../../linux/mount/overlay.ts";
import { withFileOwner } from "../../../linux/process/file-owner.ts";
import type { MappedLayers } from "../driver.ts";
import { filesystemName } from "../filesystem.ts";
import { tryOverlay } from "./try.ts";

/** The layers of a mount, as the driver names them: paths below its root, the topmost first. */
export interface LayerMount {
  root: string;
  lower: readonly string[];
  /** Absent for a mount that nothing writes through. */
  upper?: string;
  work?: string;
  target: string;
  /** With mapped owners: for the kernel the layers are named below the idmapped clone. */
  mapped?: MappedLayers | undefined;
}

/** Who merges the directories of the layers: all that the drivers differ in that keep layers as overlay does. */
export interface OverlayKind {
  /** Of the driver, and of its directory. */
  name: string;
  /** As the mount table has it. */
  filesystemType: string;
  /** @throws EngineError not-implemented in dockerd's words when this host has none, or `root` cannot be made where it is */
  check(root: string): void;
  /** @throws SystemError */
  mount(mount: LayerMount): void;
  status(root: string): [string, string][];
  /** It shows the owners that the mounts show which its layers are named by; else `mount` maps them itself. */
  mapsLayers: boolean;
  /** What `--storage-opt` may limit: the project quota of directories, or nothing, and what to say then. */
  quota: "projects" | { refusal: string };
}

/** What overlay must not do for `diff` to be exact: copy up attributes alone, or record renames. */
const mountOptions = { metacopy: "off", redirect_dir: "off", index: "off" };

const mount: OverlayKind["mount"] = ({ lower, upper, work, target, mapped }) => {
  const writable = upper === undefined || work === undefined ? {} : { upper, work };
  // What overlay makes in the work directory is made in the name of who mounts it.
  withFileOwner(mapped?.owner, () => mountOverlay({ lower, ...writable, target, options: mountOptions }));
};

/** The kernel's overlay filesystem. @param name overlay2, or overlay as configurations from before it say */
export const kernelOverlay = (name: "overlay2" | "overlay"): OverlayKind => ({
  name,
  filesystemType: "overlay",
  check: (root) => {
    if (!hasFilesystem("overlay")) throw notImplemented("driver not supported");
    if (!existsSync(root)) tryOverlay(dirname(root), mount);
  },
  mount,
  status: (root) => [
    ["Backing Filesystem", filesystemName(root)],
    ["Supports d_type", "true"],
    ["Using metacopy", "false"],
    ["Native Overlay Diff", "true"],
    ["userxattr", "false"],
  ],
  mapsLayers: true,
  quota: "projects",
});
