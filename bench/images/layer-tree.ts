import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  lutimesSync,
  lchownSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { setxattr } from "../../src/linux/file/xattr.ts";
import type { SourceFile } from "./choose-files.ts";

const longAgoSeconds = 1_600_000_000;

/**
 * Fills a directory with a layer's files: copies of real ones with their names, modes and owners, a random one that
 * makes the layer's blob one that nobody has seen, and some of every kind that an extractor can get wrong.
 */
export const fillLayerTree = (root: string, index: number, files: readonly SourceFile[]): void => {
  for (const { path } of files) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
    const { mode, uid, gid, mtimeMs } = lstatSync(path);
    lchownSync(target, uid, gid);
    chmodSync(target, mode & 0o7777);
    // Images have whole seconds.
    const seconds = Math.floor(mtimeMs / 1000);
    utimesSync(target, seconds, seconds);
  }
  const odd = join(root, `odd-${index}`);
  mkdirSync(odd);
  writeFileSync(join(odd, "random"), randomBytes(256 * 1024));
  writeFileSync(join(odd, "setuid"), "#!/bin/true\n");
  lchownSync(join(odd, "setuid"), 1000, 1001);
  chmodSync(join(odd, "setuid"), 0o6755);
  writeFileSync(join(odd, "attributes"), "x");
  setxattr(join(odd, "attributes"), "user.colour", Buffer.from("blue"));
  // cap_net_bind_service+ep: revision 2, effective.
  setxattr(
    join(odd, "attributes"),
    "security.capability",
    Buffer.from("0100000200040000000000000000000000000000", "hex"),
  );
  symlinkSync("../nowhere", join(odd, "symlink"));
  lchownSync(join(odd, "symlink"), 7, 8);
  lutimesSync(join(odd, "symlink"), longAgoSeconds, longAgoSeconds);
  linkSync(join(odd, "random"), join(odd, "hardlink"));
  mkdirSync(join(odd, "shared"));
  lchownSync(join(odd, "shared"), 0, 50);
  chmodSync(join(odd, "shared"), 0o2775);
  writeFileSync(join(odd, "shared/in-setgid-directory"), "mine");
  chmodSync(join(odd, "shared/in-setgid-directory"), 0o640);
  mkdirSync(join(odd, "sticky"), { mode: 0o777 });
  chmodSync(join(odd, "sticky"), 0o1777);
  utimesSync(join(odd, "sticky"), longAgoSeconds, longAgoSeconds);
};
