// What files and directories are born with is taken for what the archive says only where that is so.
import assert from "node:assert/strict";
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setxattr } from "../../../src/linux/file/xattr.ts";
import { ownBlocks } from "../../../src/oci/layer/digest/blocks.ts";
import { fromBytes } from "../../../src/oci/layer/tar/source.ts";
import { unpackLayer } from "../../../src/oci/layer/unpack.ts";
import { tarOf } from "../../support/tar.ts";
import type { Member } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** A default ACL that leaves group and others nothing: version 2, then tag, permissions, id of each entry. */
const strictAcl = ((): Buffer => {
  const acl = Buffer.alloc(4 + 3 * 8, 0xff);
  acl.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions]] of [
    [1, 7],
    [4, 0],
    [0x20, 0],
  ].entries()) {
    acl.writeUInt16LE(tag ?? 0, 4 + index * 8);
    acl.writeUInt16LE(permissions ?? 0, 6 + index * 8);
  }
  return acl;
})();
const withAcl = new Map([["system.posix_acl_default", strictAcl]]);

const some = (directory: string, from = 0): Member[] =>
  [0o644, 0o755, 0o600, 0o666, 0o444, 0o000, 0o4755, 0o2755, 0o640, 0o644].map((mode, index) => ({
    name: `${directory}file-${from + index}`,
    content: "x".repeat(index),
    mode,
    ...(index === 8 ? { uid: 12, gid: 34 } : {}),
  }));
const directories = (parent: string): Member[] =>
  [0o755, 0o700, 0o555, 0o1777, 0o2775, 0o750, 0o000, 0o755].map((mode, index) => ({
    name: `${parent}directory-${index}/`,
    mode,
    ...(index === 5 ? { uid: 7, gid: 8 } : {}),
  }));

const cases: [string, Member[]][] = [
  ["all kinds of modes", [...some(""), ...directories(""), ...some("directory-0/"), ...some("directory-4/")]],
  [
    "a directory that becomes setgid later",
    [{ name: "d/" }, ...some("d/"), { name: "d/", mode: 0o2775, gid: 50 }, ...some("d/", 20), ...directories("d/")],
  ],
  [
    "a directory that gets a default ACL later",
    [{ name: "d/" }, ...some("d/"), { name: "d/", xattrs: withAcl }, ...some("d/", 20), ...directories("d/")],
  ],
  [
    "a directory with a default ACL, and one in it",
    [{ name: "d/", xattrs: withAcl }, ...directories("d/"), ...some("d/directory-0/"), ...some("d/")],
  ],
  [
    "a directory that is replaced by a link to a setgid one",
    [
      { name: "s/", mode: 0o2775, gid: 50 },
      { name: "d/" },
      ...some("d/"),
      { name: "d", type: "symlink", linkName: "s", mode: 0o777 },
      ...some("d/", 20),
      ...some("s/", 40),
    ],
  ],
  [
    "files that come again with another mode and owner",
    [...some(""), ...some("").map((m) => ({ ...m, mode: 0o751, uid: 5 }))],
  ],
  ["directories that nobody names, in a setgid one", [{ name: "s/", mode: 0o2775, gid: 50 }, ...some("s/a/b/")]],
];

const surroundings: [string, (root: string) => void, number][] = [
  ["as usual", () => {}, 0o022],
  ["with a strict umask", () => {}, 0o077],
  ["with no umask", () => {}, 0],
  [
    "below a setgid directory",
    (root) => {
      chownSync(root, 0, 50);
      chmodSync(root, 0o2775);
    },
    0o022,
  ],
  ["below a default ACL", (root) => setxattr(root, "system.posix_acl_default", strictAcl), 0o022],
];

for (const [where, prepare, mask] of surroundings)
  for (const [what, members] of cases)
    test(`${what}, ${where}: every mode and owner is the archive's`, () => {
      using directory = temporaryDirectory();
      const place = {
        root: join(directory.path, "root"),
        journal: join(directory.path, "journal"),
        orphans: join(directory.path, "orphans"),
      };
      mkdirSync(place.root);
      prepare(place.root);
      const before = process.umask(mask);
      try {
        unpackLayer(fromBytes(tarOf(...members)), ownBlocks(), place, { whiteouts: "overlay" });
      } finally {
        process.umask(before);
      }
      // The last of a name counts; what was below a directory that was replaced went with it.
      const last = new Map(members.map((member) => [member.name.replace(/\/$/, ""), member]));
      const isReplaced = what.includes("replaced");
      for (const [name, { type, mode, uid = 0, gid = 0 }] of last) {
        if (type === "symlink" || (isReplaced && /^d\/file-\d$/.test(name))) continue;
        const stat = lstatSync(join(place.root, name));
        const expected = mode ?? (stat.isDirectory() ? 0o755 : 0o644);
        assert.equal(
          `${name} ${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`,
          `${name} ${expected.toString(8)} ${uid}:${gid}`,
        );
      }
    });
