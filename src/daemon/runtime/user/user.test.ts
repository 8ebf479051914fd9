import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import { lookupUser } from "./lookup.ts";
import { readUserDatabase } from "./read.ts";

const database = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "# comment",
    "",
    "www:x:33:33::/var/www:/bin/false",
    "1000:x:0:0:evil:/evil:/bin/sh",
    "broken:x:nonsense:0::/:/bin/sh",
    "user:x:1000:100:User:/home/user:/bin/sh",
    "nohome:x:1001:100",
  ].join("\n"),
  group: ["root:x:0:", "users:x:100:", "www:x:33:", "wheel:x:10:root,user", "audio:x:29:user,www", "27:x:5:user"].join(
    "\n",
  ),
};

test("users, groups and numbers are found as Docker finds them", () => {
  const table: [string, number, number, number[], string][] = [
    ["", 0, 0, [0, 10], "/root"],
    ["root", 0, 0, [0, 10], "/root"],
    ["user", 1000, 100, [100, 10, 29, 5], "/home/user"],
    ["1000", 1000, 100, [100, 10, 29, 5], "/home/user"],
    ["0001", 1, 0, [0], "/"],
    ["1", 1, 0, [0], "/"],
    ["1:1", 1, 1, [1], "/"],
    ["user:wheel", 1000, 10, [10], "/home/user"],
    ["user:27", 1000, 27, [27], "/home/user"],
    [":audio", 0, 29, [29], "/root"],
    ["4242:4343", 4242, 4343, [4343], "/"],
    ["nohome", 1001, 100, [100], "/"],
  ];
  for (const [spec, uid, gid, additionalGids, home] of table) {
    assert.deepEqual(lookupUser(spec, database), { uid, gid, additionalGids, home }, spec);
  }
});

test("--group-add takes names and numbers, each once", () => {
  assert.deepEqual(lookupUser("www", database, ["wheel", "777", "33"]).additionalGids, [33, 29, 10, 777]);
});

test("who is not there is refused in Docker's words", () => {
  const refused = (spec: string, message: string, groupAdd: string[] = []): void =>
    assert.throws(
      () => lookupUser(spec, database, groupAdd),
      (error) => isKind(error, "invalid-parameter") && (error as Error).message === message,
    );
  refused("ghost", "unable to find user ghost: no matching entries in passwd file");
  refused("broken", "unable to find user broken: no matching entries in passwd file");
  refused("user:ghosts", "unable to find group ghosts: no matching entries in group file");
  refused("user", "unable to find group ghosts: no matching entries in group file", ["ghosts"]);
  refused("4294967296", "uids and gids must be in range 0-2147483647");
  refused("-1", "uids and gids must be in range 0-2147483647");
});

const withRoot = (work: (root: string) => void): void => {
  const root = mkdtempSync(join(tmpdir(), "berth-user-"));
  try {
    mkdirSync(join(root, "etc"));
    work(root);
  } finally {
    rmSync(root, { recursive: true });
  }
};

test("the files are those of the root, symlinks and all", () => {
  withRoot((root) => {
    writeFileSync(join(root, "real"), "a:x:5:6::/a:\n");
    symlinkSync("/../../real", join(root, "etc/passwd"));
    symlinkSync("/etc/hostname-of-the-host", join(root, "etc/group"));
    assert.deepEqual(readUserDatabase(root), { passwd: "a:x:5:6::/a:\n", group: "" });
  });
});

test("a huge or odd file is refused in bounded memory", () => {
  withRoot((root) => {
    writeFileSync(join(root, "etc/group"), "");
    truncateSync(join(root, "etc/group"), 1024 ** 3);
    const before = process.memoryUsage().rss;
    assert.throws(
      () => readUserDatabase(root),
      (error) => isKind(error, "invalid-parameter"),
    );
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
    rmSync(join(root, "etc/group"));
    mkdirSync(join(root, "etc/group"));
    assert.throws(() => readUserDatabase(root), /not a regular file/);
  });
});
