import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { isCode } from "../../../linux/error.ts";
import { seekHole } from "../../../linux/file/data.ts";
import { setxattr } from "../../../linux/file/xattr.ts";
import { extractFrom, rebuild, unpackFrom } from "../../../oci/layer/transfer.ts";
import { describeTree } from "./describe-tree.ts";
import { makeLayer } from "./fixture.ts";
import type { DriverFixture, WithDriver } from "./fixture.ts";

/** Everything that a file can be, made with the programs of the host in the working directory. */
const everything = `
mkdir -p a/b empty sticky long
echo content > a/file; ln a/file a/b/hard; ln a/file other-hard
ln -s ../a/file a/b/link; ln -s /absolute/nowhere dangling; ln -s "$(printf 'new\\nline \\377\\276')" "$(printf 'odd \\n\\376 "name" \\\\ x')"
echo bytes > "$(printf 'not-utf8-\\377\\361')"; echo dash > ./-dash; echo x > "long/$(printf 'n%.0s' $(seq $NAME_MAX))"
deep=$(printf 'directory-of-a-long-path/%.0s' $(seq 12)); mkdir -p "$deep"; echo deep > "$deep/file"
mknod char c 1 3; mknod block b 8 17; mknod large c 300 70000; mkfifo fifo; chmod 622 fifo
truncate -s 8M sparse; printf middle | dd of=sparse bs=1 seek=4000000 conv=notrunc status=none; truncate -s 1M hole
echo s > setuid; chown 1000:2000 setuid; chmod 4755 setuid; echo g > setgid; chmod 2711 setgid; chmod 1777 sticky
echo big > owner; chown 2147483648:4294967294 owner; chown -h 7:8 dangling; chown 5:6 char
chmod 000 a/b/hard
`;
const times = `
touch -h -d '2001-02-03 04:05:06.123456789' a/b/link; touch -d '1969-12-31 23:59:58.987654321 UTC' owner
touch -d '1960-01-01 00:00:00.000000001 UTC' setgid; touch -d '2300-01-01 00:00:00.5 UTC' setuid
touch -d '2010-10-10 10:10:10.101010101' a empty sticky fifo
`;
const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");

/**
 * Whether a sparse file takes no room where it has no data; or, on a filesystem that takes room ahead of what is written
 * (xfs), has no data there.
 */
const hasHoles = (path: string): boolean => {
  if (statSync(path).blocks * 512 < 1 << 20) return true;
  const fd = openSync(path, "r");
  try {
    return (seekHole(fd, 0) ?? 0) < statSync(path).size;
  } finally {
    closeSync(fd);
  }
};

const makeEverything = (path: string, nameMaxBytes = 255): void => {
  const env = { NAME_MAX: String(nameMaxBytes) };
  const shell = (script: string): void => void execFileSync("/bin/sh", ["-ec", script], { cwd: path, env });
  shell(everything);
  setxattr(join(path, "a/file"), "user.note", Buffer.from("a=b\n\0\xff", "latin1"));
  setxattr(join(path, "a"), "user.directory", Buffer.alloc(1500, 7));
  setxattr(join(path, "setgid"), "security.capability", capability);
  shell(times);
};

/** What an image's archive or a container makes comes back as it was. */
export const roundTripContract = (withDriver: WithDriver, lacks: NonNullable<DriverFixture["lacks"]> = {}): void => {
  test("whatever a layer's archive holds is there in a container, and comes back byte for byte", async () => {
    await withDriver(async (driver, root, workers) => {
      const [tree, path] = [join(root, "tree"), join(root, "layer.tar")];
      mkdirSync(tree);
      makeEverything(tree);
      const xattrs = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=name"];
      execFileSync("/bin/tar", ["--format=pax", "--sparse", ...xattrs, "-C", tree, "-cf", path, "."]);
      await driver.create("image", null);
      mkdirSync(join(root, "journal"));
      const place = {
        root: driver.diffPath("image"),
        journal: join(root, "journal/tar"),
        orphans: join(root, "orphans"),
      };
      const { diffId } = await unpackFrom(workers, { path }, place, { whiteouts: driver.whiteouts });
      await driver.seal("image");
      await driver.createWritable("a", "image");
      assert.deepEqual(describeTree(driver.mount("a")), describeTree(tree));
      assert.ok(hasHoles(join(driver.mount("a"), "sparse")), "holes stay holes");
      assert.deepEqual(await driver.changes("a"), []);
      const again = await buffer(rebuild(workers, place));
      assert.ok(again.equals(readFileSync(path)), "the archive comes back");
      assert.equal(diffId, `sha256:${createHash("sha256").update(again).digest("hex")}`);
      await driver.remove("a");
    });
  });

  test("whatever a container makes, replaces and removes is the same in an image made of it", async () => {
    await withDriver(async (driver, root, workers) => {
      await makeLayer(driver, "base", null, (path) => {
        mkdirSync(join(path, "below"));
        makeEverything(join(path, "below"), lacks.nameMaxBytes);
        mkdirSync(join(path, "old/inner"), { recursive: true });
        for (const name of ["old/inner/file", "old/kept", "gone", "to-directory"])
          writeFileSync(join(path, name), name);
      });
      await driver.createWritable("a", "base");
      const merged = driver.mount("a");
      mkdirSync(join(merged, "above"));
      makeEverything(join(merged, "above"), lacks.nameMaxBytes);
      execFileSync(
        "/bin/sh",
        [
          "-ec",
          `rm gone; rm -r old; mkdir old; echo new > old/new; rm to-directory; mkdir -p to-directory/in
           rm -r below/a; echo file > below/a; mv below/long below/moved; rm below/other-hard; ln below/setuid hard-over-directories
           chmod 711 below/sticky; ${lacks.changedDevices === true ? "" : "chown 9:9 below/char"}
            echo changed >> below/owner; mkdir -p new/empty; rm -r below/directory-of-a-long-path`,
        ],
        { cwd: merged, env: {} },
      );
      setxattr(join(merged, "below/setgid"), "user.late", Buffer.from("1"));
      const tar = await buffer(driver.diff("a"));
      const path = join(root, "diff.tar");
      writeFileSync(path, tar);
      await driver.create("copy", "base");
      const place = { root: driver.diffPath("copy"), journal: join(root, "journal"), orphans: join(root, "orphans") };
      await unpackFrom(workers, { path }, place, { whiteouts: driver.whiteouts });
      assert.ok((await buffer(rebuild(workers, place))).equals(tar), "the archive comes back");
      assert.ok(!existsSync(place.orphans), "what the layer below has is kept once");
      await driver.seal("copy");
      await driver.createWritable("b", "copy");
      assert.deepEqual(describeTree(driver.mount("b"), "seconds"), describeTree(merged, "seconds"));
      for (const id of ["a", "b"]) assert.ok(hasHoles(join(driver.mount(id), "above/sparse")), "holes stay holes");
      assert.deepEqual(await driver.changes("b"), []);
      assert.ok((await buffer(driver.diff("copy"))).equals(tar), "the archive of the image is that of the container");
      await driver.remove("a");
      await driver.remove("b");
    });
  });

  test("an archive that has names several times comes back byte for byte", async () => {
    await withDriver(async (driver, root, workers) => {
      await makeLayer(driver, "base", null, (path) => writeFileSync(join(path, "file"), "below"));
      const [tree, path] = [join(root, "tree"), join(root, "layer.tar")];
      mkdirSync(join(tree, "directory/inner"), { recursive: true });
      const pack = (...names: string[]): void =>
        void execFileSync("/bin/tar", ["-C", tree, "-rf", path, "--no-recursion", ...names]);
      for (const text of ["one", "two"]) {
        writeFileSync(join(tree, "file"), text);
        writeFileSync(join(tree, "directory/inner/file"), text);
        pack("file", "directory", "directory/inner", "directory/inner/file");
      }
      rmSync(join(tree, "directory"), { recursive: true });
      writeFileSync(join(tree, "directory"), "a file now");
      pack("directory");
      await driver.create("layer", "base");
      const place = { root: driver.diffPath("layer"), journal: join(root, "journal"), orphans: join(root, "orphans") };
      await unpackFrom(workers, { path }, place, { whiteouts: driver.whiteouts });
      await driver.seal("layer");
      assert.ok((await buffer(rebuild(workers, place))).equals(readFileSync(path)), "the archive comes back");
      await driver.createWritable("a", "layer");
      assert.equal(readFileSync(join(driver.mount("a"), "file"), "utf8"), "two");
      assert.equal(readFileSync(join(driver.mount("a"), "directory"), "utf8"), "a file now");
      await driver.remove("a");
    });
  });

  test("names that mean removals in an archive remove nothing when a container makes them", async () => {
    await withDriver(async (driver, root, workers) => {
      await makeLayer(driver, "base", null, (path) => {
        for (const name of ["etc", "directory"]) mkdirSync(join(path, name));
        for (const name of ["etc/passwd", "directory/file"]) writeFileSync(join(path, name), "");
      });
      await driver.createWritable("a", "base");
      const merged = driver.mount("a");
      writeFileSync(join(merged, "ordinary"), "");
      for (const name of [".wh.etc", "directory/.wh..wh..opq", ".wh..wh..opq"]) {
        try {
          writeFileSync(join(merged, name), "");
        } catch (error) {
          // fuse-overlayfs makes no such file.
          assert.ok(isCode(error, "EINVAL"), String(error));
        }
      }
      const path = join(root, "diff.tar");
      writeFileSync(path, await buffer(driver.diff("a")));
      await driver.create("copy", "base");
      await extractFrom(workers, { path }, driver.diffPath("copy"), { whiteouts: driver.whiteouts });
      await driver.seal("copy");
      await driver.createWritable("b", "copy");
      assert.deepEqual(
        describeTree(driver.mount("b")).map((line) => line.split(" ")[0]),
        ["/directory", "/directory/file", "/etc", "/etc/passwd", "/ordinary"],
      );
      await driver.remove("a");
      await driver.remove("b");
    });
  });

  test("a layer stays as it is, whatever is done through a container on it", async () => {
    await withDriver(async (driver) => {
      await makeLayer(driver, "base", null, (path) => makeEverything(path, lacks.nameMaxBytes));
      const before = describeTree(driver.diffPath("base"));
      await driver.createWritable("a", "base");
      execFileSync(
        "/bin/sh",
        [
          "-ec",
          `for file in a/file owner sparse ./-dash; do echo more >> "$file"; done; chmod 777 setuid a empty; chown 3:3 setgid ${lacks.changedDevices === true ? "" : "fifo; rm -f char block"}
           touch sticky; mv a moved; rm -r long; : > hole; ln owner linked; mkdir empty/in`,
        ],
        { cwd: driver.mount("a"), env: {} },
      );
      assert.deepEqual(describeTree(driver.diffPath("base")), before);
      await driver.remove("a");
      assert.deepEqual(describeTree(driver.diffPath("base")), before);
    });
  });
};
