import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setxattr } from "../../../src/linux/file/xattr.ts";
import { rebuildTar } from "../../../src/oci/layer/journal/rebuild.ts";
import { fromBytes } from "../../../src/oci/layer/tar/source.ts";
import { ownBlocks } from "../../../src/oci/layer/digest/blocks.ts";
import { unpackLayer } from "../../../src/oci/layer/unpack.ts";
import { tarOf } from "../../support/tar.ts";
import type { Member } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Unpacks, rebuilds, and compares every byte. */
const roundTrip = (tar: Buffer, path: string, whiteouts: "overlay" | "remove" = "overlay"): string => {
  const place = { root: join(path, "diff"), journal: join(path, "journal"), orphans: join(path, "orphans") };
  mkdirSync(place.root, { recursive: true });
  const unpacked = unpackLayer(fromBytes(tar), ownBlocks(), place, { whiteouts });
  const pieces: Buffer[] = [];
  rebuildTar(place, {
    write: (piece) => void pieces.push(Buffer.from(piece)),
    read: (fd, most, position) => {
      const piece = Buffer.alloc(Math.min(most, 100_000));
      const part = piece.subarray(0, readSync(fd, piece, 0, piece.length, position));
      pieces.push(part);
      return part;
    },
  });
  const rebuilt = Buffer.concat(pieces);
  assert.equal(rebuilt.length, tar.length);
  assert.ok(rebuilt.equals(tar), "the rebuilt archive differs");
  assert.equal(unpacked.diffId, `sha256:${createHash("sha256").update(tar).digest("hex")}`);
  assert.equal(unpacked.tarBytes, tar.length);
  return place.root;
};

test("archives of GNU tar in every format come back byte for byte", () => {
  using directory = temporaryDirectory();
  const tree = join(directory.path, "tree");
  mkdirSync(join(tree, "a/b"), { recursive: true });
  writeFileSync(join(tree, "a/file"), "x".repeat(5000));
  writeFileSync(join(tree, "a/b/empty"), "");
  writeFileSync(Buffer.concat([Buffer.from(join(tree, "a/")), Buffer.from([0xff, 0xfe, 0x2e])]), "bytes");
  writeFileSync(join(tree, "größe"), "umlaut");
  execFileSync(
    "/bin/sh",
    [
      "-c",
      'ln a/file a/hard; ln -s file a/link; ln -s /absolute/nowhere dangling; mkfifo fifo; mknod null c 1 3; mknod "sda" b 8 0;' +
        "truncate -s 3M sparse; printf hello | dd of=sparse bs=1 seek=1000000 conv=notrunc 2>/dev/null;" +
        "printf end | dd of=sparse bs=1 seek=3145725 conv=notrunc 2>/dev/null; truncate -s 1M hole;" +
        "chown 1234:4321 a/b/empty; chmod 4755 a/file; chmod 1777 a/b; touch -d '2001-02-03 04:05:06.123456789' a/b/empty",
    ],
    { cwd: tree },
  );
  setxattr(join(tree, "a/file"), "user.note", Buffer.from("a=b\n"));
  setxattr(join(tree, "a/file"), "security.capability", Buffer.from("0100000200040000000000000000000000000000", "hex"));
  const variants: [format: string, more: string[]][] = [
    ["gnu", []],
    ["oldgnu", []],
    ["ustar", []],
    ["pax", ["--xattrs", "--xattrs-include=*"]],
    ["gnu", ["--sparse"]],
    ["pax", ["--sparse", "--sparse-version=0.0"]],
    ["pax", ["--sparse", "--sparse-version=0.1"]],
    ["pax", ["--sparse", "--sparse-version=1.0", "--xattrs"]],
  ];
  for (const [index, [format, more]] of variants.entries()) {
    const args = ["--create", `--format=${format}`, ...more, "--sort=name", "-C", tree, "."];
    const tar = execFileSync("/bin/tar", args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
    const root = roundTrip(tar, join(directory.path, `out-${index}`));
    execFileSync("/usr/bin/diff", [
      "-r",
      "--no-dereference",
      "--exclude=fifo",
      "--exclude=null",
      "--exclude=sda",
      tree,
      root,
    ]);
    const facts = (path: string): string =>
      execFileSync(
        "/bin/sh",
        ["-c", "find . ! -path . -printf '%P %y %m %U %G %n %l %s\\n' | sort; stat -c '%t:%T' null sda"],
        {
          cwd: path,
          encoding: "latin1",
        },
      ).replace(/^(.* d .*) \d+$/gm, "$1");
    assert.equal(facts(root), facts(tree), `${format} ${more.join(" ")}`);
    if (format === "pax") {
      assert.match(
        execFileSync("/usr/bin/stat", ["-c", "%y", join(root, "a/b/empty")], { encoding: "utf8" }),
        /05:06\.123456789/,
      );
    }
    if (more.includes("--sparse")) {
      assert.ok(Number(execFileSync("/usr/bin/stat", ["-c", "%b", join(root, "sparse")], { encoding: "utf8" })) < 100);
    }
    if (more.includes("--xattrs-include=*")) {
      const names = execFileSync("/usr/bin/find", [join(root, "a/file"), "-printf", "%m"], { encoding: "utf8" });
      assert.equal(names, "4755");
    }
  }
});

test("what later members replace is kept for the archive", () => {
  using directory = temporaryDirectory();
  const members: Member[] = [
    { name: "file", content: "first" },
    { name: "file", content: "second" },
    { name: "file", content: "third" },
    { name: "dir/inner/file", content: "in a directory" },
    { name: "dir", content: "now a file" },
    { name: "dir/", type: "directory" },
    { name: "dir/file", content: "again a directory" },
    { name: "real/file", content: "through a link" },
    { name: "alias", type: "symlink", linkName: "real" },
    { name: "alias/file", content: "the same file by another name" },
    { name: "alias", content: "the link is a file now" },
    { name: "a", content: "linked" },
    { name: "b", type: "hardlink", linkName: "a" },
    { name: "a", content: "not linked any more" },
    { name: "b", type: "symlink", linkName: "a" },
    { name: ".wh.lower" },
    { name: "lower", content: "a whiteout's place" },
    { name: ".wh.file" },
  ];
  const root = roundTrip(tarOf(...members), directory.path);
  assert.ok(existsSync(join(directory.path, "orphans")));
  const expected = { file: "third", "dir/file": "again a directory", "real/file": "the same file by another name" };
  for (const [name, content] of Object.entries({
    ...expected,
    a: "not linked any more",
    lower: "a whiteout's place",
  })) {
    assert.equal(readFileSync(join(root, name), "utf8"), content, name);
  }
});

/** A small generator of numbers that repeats itself: a failure can be looked at again. */
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

test("random archives come back byte for byte", () => {
  using directory = temporaryDirectory();
  for (let seed = 1; seed <= 8; seed++) {
    const next = random(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
    const parts = ["a", "b", "c", "ä", "\xff\xfe", "n".repeat(120), ".wh.a", ".wh..wh..opq", ".wh..wh.plnk"];
    const name = (): string =>
      Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(parts.slice(0, 6))).join("/");
    const members: (Member | Buffer)[] = [];
    const files: string[] = [];
    for (let index = 0; index < 50; index++) {
      const kind = pick(["file", "file", "file", "directory", "symlink", "fifo", "hardlink", "whiteout"] as const);
      const path = name();
      if (kind === "whiteout") members.push({ name: `${path}/${pick(parts.slice(6))}` });
      else if (kind === "file") {
        members.push({ name: path, content: "z".repeat(Math.floor(next() * 3000)), mode: pick([0o644, 0o4755, 0]) });
        files.push(path);
      } else if (kind === "hardlink") members.push({ name: path, type: kind, linkName: pick([...files, "a"]) });
      else members.push({ name: path, type: kind, linkName: kind === "symlink" ? pick(["a", "../b", "/c", "."]) : "" });
    }
    // What cannot be made (a file below a file, a link to nothing) is left out, member by member.
    const good: (Member | Buffer)[] = [];
    const path = join(directory.path, String(seed));
    for (const [index, member] of members.entries()) {
      try {
        roundTrip(tarOf(...good, member), join(path, `try-${index}`), seed % 2 === 0 ? "overlay" : "remove");
        good.push(member);
      } catch (error) {
        if ((error as Error).name !== "TarError") throw error;
      }
      rmSync(path, { recursive: true });
    }
    assert.ok(good.length > 20, `only ${good.length} members of seed ${seed} could be made`);
  }
});
