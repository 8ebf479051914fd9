import assert from "node:assert/strict";
import { test } from "node:test";
import { isMountPoint, mountOf, mountsBelow, mountTable, parseMountTable } from "./table.ts";

const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 /mnt1 /mnt/a\\040b\\011\\134x rw,noatime master:1 propagate_from:2 - ext3 /dev/ro\\043ot rw,errors=continue
40 36 0:5 / /mnt/a\\040b\\011\\134x/deep ro shared:7 - tmpfs
broken line
`;

test("lines are parsed, octal escapes and optional fields too", () => {
  const [proc, ext, deep, ...more] = parseMountTable(text);
  assert.deepEqual(more, []);
  assert.deepEqual([proc?.target, proc?.propagation, proc?.type], ["/proc", [], "proc"]);
  assert.deepEqual(ext, {
    id: 36,
    parent: 35,
    device: "98:0",
    root: "/mnt1",
    target: "/mnt/a b\t\\x",
    options: ["rw", "noatime"],
    propagation: ["master:1", "propagate_from:2"],
    type: "ext3",
    source: "/dev/ro#ot",
    superOptions: ["rw", "errors=continue"],
  });
  assert.deepEqual(deep?.propagation, ["shared:7"]);
});

test("the mounts below a directory come deepest first", () => {
  const table = parseMountTable(text);
  assert.deepEqual(
    mountsBelow("/mnt", table).map(({ id }) => id),
    [40, 36],
  );
  assert.deepEqual(mountsBelow("/mn", table), []);
});

test("the own table holds /proc", () => {
  assert.ok(isMountPoint("/proc", mountTable()));
  assert.ok(!isMountPoint("/proc/self"));
});

test("the mount that a path is on is the deepest, and the latest of several at one place", () => {
  const table = parseMountTable(
    ["1 0 8:1 / /", "2 1 8:2 / /a", "3 1 8:3 / /a", "4 1 8:4 / /ab", "5 3 8:5 / /a/b/c"]
      .map((line) => `${line} rw - ext4 x rw`)
      .join("\n"),
  );
  const on = (path: string): number | undefined => mountOf(path, table)?.id;
  assert.deepEqual(["/", "/x", "/a", "/a/b", "/ab", "/a/b/c/d"].map(on), [1, 1, 3, 3, 4, 5]);
  assert.equal(mountOf("/x", []), undefined);
});
