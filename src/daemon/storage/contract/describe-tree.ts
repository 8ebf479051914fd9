import { closeSync, constants, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { isDirectory, isRegular, isSymlink, readlinkat, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { namesIn } from "../../../oci/layer/extract/remove.ts";
import { portableXattrs } from "../../../oci/layer/pack/xattrs.ts";
import { pathIn } from "../../../oci/layer/extract/attributes.ts";
import { pathOf } from "../../../oci/layer/tar/entry.ts";

const billion = 1_000_000_000n;
const seconds = (ns: bigint): bigint => (ns - (((ns % billion) + billion) % billion)) / billion;

/**
 * Everything that can be seen of a tree, one line a name, bytes as they are: what must be equal after any round trip.
 * @param times "seconds" where an archive of Docker's was on the way, which holds no more
 */
export const describeTree = (root: string, times: "exact" | "seconds" = "exact"): string[] => {
  const lines: string[] = [];
  /** The first name of each file that has several. */
  const links = new Map<bigint, string>();
  const describe = (directory: number, name: string, path: string, stat: Stat): string => {
    const time = times === "exact" ? stat.mtimeNs : seconds(stat.mtimeNs);
    const attributes = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.rdev.major}:${stat.rdev.minor} ${time}`;
    const xattrs = [...portableXattrs(pathIn(directory, name))].map(
      ([key, value]) => `${key}=${value.toString("hex")}`,
    );
    const first = links.get(stat.ino);
    if (!isDirectory(stat) && stat.nlink > 1 && first === undefined) links.set(stat.ino, path);
    const link = isDirectory(stat) ? "" : `${stat.nlink} ${stat.nlink > 1 ? (first ?? path) : ""}`;
    return [path, attributes, ...xattrs, link, contentOf(directory, name, stat)].join(" ");
  };
  const walk = (directory: number, prefix: string): void => {
    for (const name of namesIn(directory).sort()) {
      const stat = statat(directory, pathOf(name));
      lines.push(describe(directory, name, `${prefix}/${name}`, stat));
      if (!isDirectory(stat)) continue;
      const inside = openat2(directory, pathOf(name), { flags: constants.O_RDONLY | O_NOFOLLOW });
      walk(inside, `${prefix}/${name}`);
      closeSync(inside);
    }
  };
  const top = openDirectory(root);
  walk(top, "");
  closeSync(top);
  return lines;
};

const contentOf = (directory: number, name: string, stat: Stat): string => {
  if (isSymlink(stat)) return `-> ${readlinkat(directory, pathOf(name)).toString("latin1")}`;
  if (!isRegular(stat)) return "";
  const fd = openat2(directory, pathOf(name), { flags: constants.O_RDONLY | O_NOFOLLOW });
  try {
    return `${stat.size} ${createHash("sha256").update(readFileSync(fd)).digest("hex").slice(0, 16)}`;
  } finally {
    closeSync(fd);
  }
};
