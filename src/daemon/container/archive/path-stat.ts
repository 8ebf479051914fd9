import { rfc3339Nano } from "../../../base/clock.ts";
import { fileType } from "../../../linux/file/flags.ts";
import type { Stat } from "../../../linux/file/stat.ts";

/** What `X-Docker-Container-Path-Stat` holds, as JSON in base64. **Source:** Engine API, ContainerArchiveInfo. */
export interface PathStat {
  name: string;
  size: number;
  /** Bits of Go's os.FileMode. */
  mode: number;
  /** RFC 3339. */
  mtime: string;
  /** Of a symlink: where it leads, with every symlink on the way followed; "" for anything else. */
  linkTarget: string;
}

export const pathStat = (path: string, stat: Stat, linkTarget: string): PathStat => ({
  name: baseOf(path),
  size: stat.size,
  mode: goFileMode(stat.mode),
  mtime: rfc3339Nano(stat.mtimeNs),
  linkTarget,
});

/** Go's filepath.Base: the last component, "." and ".." included, "/" of the root and "." of nothing. */
export const baseOf = (path: string): string => {
  if (path === "") return ".";
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
};

const goTypes: Record<number, number> = {
  [fileType.directory]: 2 ** 31,
  [fileType.symlink]: 2 ** 27,
  [fileType.block]: 2 ** 26,
  [fileType.character]: 2 ** 26 + 2 ** 21,
  [fileType.fifo]: 2 ** 25,
  [fileType.socket]: 2 ** 24,
};
const goBits: [kernel: number, go: number][] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** `st_mode` in the form of Go's os.FileMode, an unsigned number of 32 bits. */
export const goFileMode = (mode: number): number =>
  (mode & 0o777) +
  (goTypes[mode & fileType.mask] ?? 0) +
  goBits.reduce((sum, [kernel, go]) => sum + ((mode & kernel) === 0 ? 0 : go), 0);
