import { readFileSync } from "node:fs";
import { isWithin } from "../../base/paths.ts";

/** One line of /proc/self/mountinfo. */
export interface MountInfo {
  id: number;
  parent: number;
  /** "major:minor" of the filesystem. */
  device: string;
  /** Which directory of the filesystem is shown. */
  root: string;
  /** Where it is mounted. */
  target: string;
  /** Of this mount: ["rw", "relatime"]. */
  options: string[];
  /** "shared:1", "master:2", "propagate_from:3", "unbindable"; none for a private mount. */
  propagation: string[];
  type: string;
  source: string;
  /** Of the filesystem: ["rw", "size=64k"]. */
  superOptions: string[];
}

/** All mounts of a process's namespace, in the kernel's order. **Source:** proc_pid_mountinfo(5). */
export const mountTable = (process: number | "self" = "self"): MountInfo[] =>
  parseMountTable(readFileSync(`/proc/${process}/mountinfo`, "utf8"));

/** Parses the text of a mountinfo file; lines that are none are left out. */
export const parseMountTable = (text: string): MountInfo[] => text.split("\n").flatMap((line) => parseLine(line) ?? []);

const parseLine = (line: string): MountInfo | null => {
  const fields = line.split(" ");
  // The optional fields end at a lone hyphen; there is any number of them.
  const dash = fields.indexOf("-", 6);
  if (dash === -1) return null;
  const [id = "", parent = "", device = "", root = "", target = "", options = ""] = fields;
  const [type = "", source = "", superOptions = ""] = fields.slice(dash + 1);
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: unescape(root),
    target: unescape(target),
    options: options.split(","),
    propagation: fields.slice(6, dash),
    type,
    source: unescape(source),
    superOptions: superOptions.split(",").map(unescape),
  };
};

/** The kernel writes space, tab, newline, backslash and "#" as three octal digits. */
const unescape = (text: string): string =>
  text.includes("\\")
    ? text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    : text;

/** The mounts at or below a directory, the deepest and latest first: the order to unmount in. */
export const mountsBelow = (directory: string, table: readonly MountInfo[] = mountTable()): MountInfo[] =>
  table.filter(({ target }) => isWithin(target, directory)).toReversed();

/**
 * The mount that a path is on: the deepest, and of several at one place the latest, which covers the others.
 * @param path absolute, without symlinks
 */
export const mountOf = (path: string, table: readonly MountInfo[] = mountTable()): MountInfo | undefined =>
  table
    .filter(({ target }) => isWithin(path, target))
    .reduce<MountInfo | undefined>(
      (deepest, mount) => (deepest !== undefined && mount.target.length < deepest.target.length ? deepest : mount),
      undefined,
    );

export const isMountPoint = (path: string, table: readonly MountInfo[] = mountTable()): boolean =>
  table.some(({ target }) => target === path);
