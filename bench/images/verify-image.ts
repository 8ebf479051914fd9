import { closeSync, lstatSync, openSync, readSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { getxattr, listxattr } from "../../src/linux/file/xattr.ts";
import type { MadeImage } from "./make-image.ts";

const pieceBytes = 1 << 20;
const differencesMax = 20;

const xattrsOf = (path: string): string =>
  listxattr(path)
    .sort()
    .map((name) => `${name}=${getxattr(path, name).toString("hex")}`)
    .join(" ");

const sameBytes = (one: string, other: string): boolean => {
  const [a, b] = [openSync(one, "r"), openSync(other, "r")];
  const [left, right] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
  try {
    for (;;) {
      const [count, got] = [readSync(a, left), readSync(b, right)];
      if (count !== got || !left.subarray(0, count).equals(right.subarray(0, got))) return false;
      if (count === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
};

/** Everything of a name but its content, in words. */
const describe = (path: string): string => {
  const stat = lstatSync(path, { bigint: true });
  const isDirectory = stat.isDirectory();
  return [
    `mode ${stat.mode.toString(8)} owner ${stat.uid}:${stat.gid} mtime ${stat.mtimeNs}`,
    isDirectory ? "" : `size ${stat.size} links ${stat.nlink}`,
    stat.isSymbolicLink() ? `to ${readlinkSync(path)}` : "",
    xattrsOf(path),
  ].join(" ");
};

/**
 * Compares an image's root filesystem with the files it was made of: names, kinds, modes, owners, times, links,
 * attributes, bytes.
 *
 * @param root where the layers are merged. @returns what is different; nothing when all is right.
 */
export const differencesFrom = (image: MadeImage, root: string): string[] => {
  const wrong: string[] = [];
  const say = (text: string): void => void (wrong.length < differencesMax && wrong.push(text));
  const expected = new Map<string, string>();
  for (const { tree } of image.layers) {
    for (const name of readdirSync(tree, { recursive: true, encoding: "utf8" })) expected.set(name, join(tree, name));
  }
  const found = new Set(readdirSync(root, { recursive: true, encoding: "utf8" }));
  for (const name of found) if (!expected.has(name)) say(`${name}: is not in the source`);
  for (const [name, source] of expected) {
    if (!found.has(name)) {
      say(`${name}: missing`);
      continue;
    }
    const [is, should] = [describe(join(root, name)), describe(source)];
    if (is !== should) say(`${name}: ${is} instead of ${should}`);
    else if (lstatSync(source).isFile() && !sameBytes(source, join(root, name))) say(`${name}: other bytes`);
  }
  return wrong;
};
