// A filesystem of a kind that the machine's own is not, in a file.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasFilesystem } from "../../src/linux/mount/overlay.ts";
import { umount } from "../../src/linux/mount/mount.ts";
import { mountsBelow } from "../../src/linux/mount/table.ts";

export type LoopKind = "btrfs" | "xfs" | "ext4";

const make: Record<LoopKind, string[]> = {
  btrfs: ["/sbin/mkfs.btrfs", "-q", "-f"],
  xfs: ["/sbin/mkfs.xfs", "-q", "-f"],
  ext4: ["/sbin/mkfs.ext4", "-q", "-F"],
};

/** Removes the subvolumes in a directory, whatever made them and whether they can be written to. */
export const removeSubvolumes = (directory: string): void => {
  const paths = existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
  if (paths.length > 0) execFileSync("/usr/bin/btrfs", ["subvolume", "delete", ...paths], { stdio: "ignore" });
};

/** Whether this kernel mounts such a filesystem. */
export const mounts = (kind: LoopKind): boolean => hasFilesystem(kind);

/** Mounts a new filesystem; disposing of it unmounts it, with every mount in it, and removes the file. */
export const loopFilesystem = (
  kind: LoopKind,
  { sizeMiB = 512, mkfs = [], options = [] }: { sizeMiB?: number; mkfs?: string[]; options?: string[] } = {},
): Disposable & { path: string } => {
  const folder = mkdtempSync(join(tmpdir(), "berth-loop-"));
  const [image, path] = [join(folder, "image"), join(folder, "mnt")];
  const remove = (): void => {
    // The innermost first; those that are gone with another are no failure.
    for (const { target } of mountsBelow(folder)) umount(target, { detach: true });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    writeFileSync(image, "");
    truncateSync(image, sizeMiB * 2 ** 20);
    mkdirSync(path);
    const [program = "", ...args] = make[kind];
    execFileSync(program, [...args, ...mkfs, image], { stdio: ["ignore", "ignore", "pipe"] });
    execFileSync("/bin/mount", ["-t", kind, "-o", ["loop", ...options].join(","), image, path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, [Symbol.dispose]: remove };
};
