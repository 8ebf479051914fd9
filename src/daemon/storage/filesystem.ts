import { statfsSync } from "node:fs";

/** Docker's name of the filesystem that holds a path, for DriverStatus. **Source:** statfs(2). */
export const filesystemName = (path: string): string => names[statfsSync(path).type] ?? "<unknown>";

const names: Readonly<Record<number, string>> = {
  0xef53: "extfs",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0x6969: "nfs",
  0x65735546: "fuse",
  0x73717368: "squashfs",
};
