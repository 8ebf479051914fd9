import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fromBytes } from "../../oci/layer/tar/source.ts";
import { ByteSource } from "../../oci/layer/tar/source.ts";
import { TarReader } from "../../oci/layer/tar/reader.ts";
import { changesContract } from "./contract/changes.ts";
import { makeLayer, withDriver as withDriverOf } from "./contract/fixture.ts";
import type { DriverFixture } from "./contract/fixture.ts";
import { roundTripContract } from "./contract/round-trip.ts";
import type { StorageDriver } from "./driver.ts";

export type { DriverFixture } from "./contract/fixture.ts";

/** What every storage driver must do. Needs root. */
export const storageDriverContract = (name: string, fixture: DriverFixture): void => {
  const withDriver = withDriverOf(fixture);
  const base = (driver: StorageDriver): Promise<void> =>
    makeLayer(driver, "base", null, (path) => {
      mkdirSync(join(path, "etc"));
      mkdirSync(join(path, "old/inner"), { recursive: true });
      writeFileSync(join(path, "etc/passwd"), "root\n");
      writeFileSync(join(path, "old/inner/file"), "1");
      writeFileSync(join(path, "gone"), "1");
      symlinkSync("etc/passwd", join(path, "link"));
    });
  const edit = (root: string): void => {
    writeFileSync(join(root, "etc/passwd"), "root\nme\n");
    writeFileSync(join(root, "etc/new"), "12345");
    rmSync(join(root, "gone"));
    rmSync(join(root, "old"), { recursive: true });
  };

  describe(`storage driver ${name}`, () => {
    roundTripContract(withDriver, fixture.lacks);
    changesContract(withDriver);

    test("a writable layer shows what is below and keeps its changes to itself", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        await driver.createWritable("a", "base");
        await driver.createWritable("b", "base");
        edit(driver.mount("a"));
        assert.equal(driver.mount("a"), driver.mount("a"));
        assert.equal(readFileSync(join(driver.mount("b"), "etc/passwd"), "utf8"), "root\n");
        assert.equal(readFileSync(join(driver.mount("b"), "link"), "utf8"), "root\n");
        assert.equal(existsSync(join(driver.mount("a"), "gone")), false);
        await driver.unmount("a");
        await driver.unmount("a");
        assert.equal(readFileSync(join(driver.mount("a"), "etc/passwd"), "utf8"), "root\nme\n");
        assert.ok(driver.exists("a"));
        await driver.remove("a");
        await driver.remove("a");
        assert.equal(driver.exists("a"), false);
        await driver.createWritable("a", "base");
        assert.equal(readFileSync(join(driver.mount("a"), "etc/passwd"), "utf8"), "root\n");
      });
    });

    test("changes are exact and sorted", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        await driver.createWritable("a", "base");
        assert.deepEqual(await driver.changes("a"), []);
        edit(driver.mount("a"));
        mkdirSync(join(driver.mount("a"), "x/y"), { recursive: true });
        assert.deepEqual(await driver.changes("a"), [
          { path: "/etc", kind: 0 },
          { path: "/etc/new", kind: 1 },
          { path: "/etc/passwd", kind: 0 },
          { path: "/gone", kind: 2 },
          { path: "/old", kind: 2 },
          { path: "/x", kind: 1 },
          { path: "/x/y", kind: 1 },
        ]);
        assert.equal(await driver.size("a"), "root\nme\n".length + "12345".length);
      });
    });

    test("the archive of a layer makes the same tree elsewhere", async () => {
      await withDriver(async (driver, root, workers) => {
        await base(driver);
        await driver.createWritable("a", "base");
        const merged = driver.mount("a");
        edit(merged);
        linkSync(join(merged, "etc/new"), join(merged, "etc/hard"));
        chmodSync(join(merged, "etc/new"), 0o4750);
        const tar = await buffer(driver.diff("a"));
        assert.deepEqual(
          namesIn(tar),
          ["etc/", "etc/hard", "etc/new", "etc/passwd", ".wh.gone", ".wh.old"].sort(byName),
        );
        await driver.create("copy", "base");
        const path = join(root, "diff.tar");
        writeFileSync(path, tar);
        const { extractFrom } = await import("../../oci/layer/transfer.ts");
        await extractFrom(workers, { path }, driver.diffPath("copy"), { whiteouts: driver.whiteouts });
        await driver.seal("copy");
        await driver.createWritable("b", "copy");
        assert.deepEqual(listing(driver.mount("b")), listing(merged));
      });
    });

    test("a removed directory that comes back hides what was in it", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        await driver.createWritable("a", "base");
        const merged = driver.mount("a");
        rmSync(join(merged, "old"), { recursive: true });
        mkdirSync(join(merged, "old"));
        writeFileSync(join(merged, "old/young"), "");
        assert.deepEqual(readdirSync(join(merged, "old")), ["young"]);
        const names = namesIn(await buffer(driver.diff("a")));
        assert.ok(names.includes("old/.wh..wh..opq") || names.includes("old/.wh.inner"), names.join());
      });
    });

    test("renamed directories and hard links over layers work", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        await driver.createWritable("a", "base");
        const merged = driver.mount("a");
        execFileSync("/bin/mv", [join(merged, "old"), join(merged, "moved")]);
        assert.equal(readFileSync(join(merged, "moved/inner/file"), "utf8"), "1");
        renameSync(join(merged, "gone"), join(merged, "etc/gone"));
        const changes = (await driver.changes("a")).map(({ path, kind }) => `${kind} ${path}`);
        assert.ok(changes.includes("2 /old") && changes.includes("1 /moved/inner/file") && changes.includes("2 /gone"));
      });
    });

    test("a layer on nothing works", async () => {
      await withDriver(async (driver) => {
        await driver.createWritable("a", null);
        writeFileSync(join(driver.mount("a"), "file"), "123");
        assert.deepEqual(await driver.changes("a"), [{ path: "/file", kind: 1 }]);
        assert.equal(await driver.size("a"), 3);
        await driver.unmount("a");
      });
    });

    test("a layer made on nothing is put on its parent, where the driver says that it can be", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        await driver.create("middle", null);
        await driver.create("top", null);
        if (!driver.independent) {
          await assert.rejects(driver.setParent("middle", "base"), /begins as a copy/);
          return;
        }
        // The upper one is full first, the lower one gets its parent first.
        writeFileSync(join(driver.diffPath("top"), "file"), "top");
        writeFileSync(join(driver.diffPath("middle"), "file"), "middle");
        writeFileSync(join(driver.diffPath("middle"), "gone"), "here");
        await driver.setParent("middle", "base");
        await driver.seal("middle");
        await driver.setParent("top", "middle");
        await driver.seal("top");
        await driver.createWritable("a", "top");
        const merged = driver.mount("a");
        assert.equal(readFileSync(join(merged, "file"), "utf8"), "top");
        assert.equal(readFileSync(join(merged, "gone"), "utf8"), "here");
        assert.equal(readFileSync(join(merged, "etc/passwd"), "utf8"), "root\n");
        assert.deepEqual(await driver.changes("a"), []);
      });
    });

    test("many layers are one tree", async () => {
      await withDriver(async (driver) => {
        let parent: string | null = null;
        // A copy of all below for each takes its time.
        const count = driver.name === "vfs" ? 140 : 250;
        for (let index = 0; index < count; index++) {
          const id = `layer-${index}`;
          await makeLayer(driver, id, parent, (path) => writeFileSync(join(path, `file-${index}`), ""));
          parent = id;
        }
        await driver.createWritable("top", parent);
        assert.equal(readdirSync(driver.mount("top")).length, count);
      });
    });

    test("unknown storage options are refused and nothing is left", async () => {
      await withDriver(async (driver) => {
        await base(driver);
        const wrong: Record<string, string>[] = [{ size: "bad" }, { size: "-1" }, { nonsense: "1" }];
        for (const options of wrong) {
          await assert.rejects(driver.createWritable("a", "base", options), { kind: "invalid-parameter" });
        }
        assert.deepEqual(driver.list(), ["base"]);
      });
    });

    test("a new driver on the same root goes on with what is there", async () => {
      await withDriver(async (driver, root, workers) => {
        await base(driver);
        await driver.createWritable("a", "base");
        writeFileSync(join(driver.mount("a"), "file"), "");
        const next = fixture.open(root, workers);
        assert.deepEqual(next.list().sort(), ["a", "base"]);
        assert.ok(existsSync(join(next.mount("a"), "file")));
        await next.remove("a");
        assert.equal(next.exists("a"), false);
        assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes(`${root}/`), false);
      });
    });

    test("ids that are no names of a directory are refused", async () => {
      await withDriver(async (driver) => {
        for (const id of ["", "..", "a/b", ".x", "x".repeat(200)]) {
          await assert.rejects(driver.create(id, null), /bad layer id/, id);
        }
      });
    });
  });
};

const byName = (a: string, b: string): number => (a < b ? -1 : 1);

const namesIn = (tar: Buffer): string[] => {
  const reader = new TarReader(new ByteSource(fromBytes(tar)));
  const names: string[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) names.push(entry.name);
  return names.sort(byName);
};

/** Names, kinds, modes, link counts and contents of a tree. */
const listing = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => {
      const stat = lstatSync(join(root, path));
      const content = stat.isFile() ? readFileSync(join(root, path), "utf8") : "";
      return `${path} ${stat.mode.toString(8)} ${stat.isDirectory() ? "" : stat.nlink} ${content}`;
    });
