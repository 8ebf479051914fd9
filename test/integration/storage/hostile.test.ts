import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createGzip } from "node:zlib";
import { findxattr } from "../../../src/linux/file/xattr.ts";
import type { WhiteoutForm } from "../../../src/oci/layer/extract/whiteout.ts";
import { extractFrom, unpackFrom } from "../../../src/oci/layer/transfer.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { hostileArchives, makeCanary, snapshot } from "../../support/hostile-archives.ts";
import { memberOf, tarOf } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

for (const whiteouts of ["overlay", "remove", "none"] satisfies WhiteoutForm[]) {
  test(`hostile archives change nothing outside of their root (whiteouts: ${whiteouts})`, async () => {
    using directory = temporaryDirectory();
    await using workers = new LayerWorkers();
    const canary = join(directory.path, "canary");
    makeCanary(canary);
    const before = snapshot(canary);
    let extracted = 0;
    for (const [name, members] of Object.entries(hostileArchives(canary))) {
      const root = join(directory.path, `root-${extracted++}`);
      mkdirSync(root);
      const place = { root, journal: `${root}-journal`, orphans: `${root}-orphans` };
      const source = Readable.from([tarOf({ name: "first", content: "1" }, ...members)]);
      const run =
        whiteouts === "none"
          ? extractFrom(workers, source, root, { whiteouts })
          : unpackFrom(workers, source, place, { whiteouts });
      const error = await run.then(
        () => null,
        (reason: unknown) => reason as Error,
      );
      if (error !== null) assert.equal(error.name, "TarError", `${name}: ${String(error)}`);
      assert.deepEqual(snapshot(canary), before, name);
      assert.equal(readFileSync(join(root, "first"), "utf8"), "1", `${name}: nothing was extracted`);
      for (const path of ["d", "f"]) {
        if (name === "overlay's own attributes")
          assert.equal(findxattr(join(root, path), "trusted.overlay.redirect"), null);
      }
    }
    assert.ok(extracted > 40);
  });
}

test("a tree that is changed while an archive is extracted leads nowhere outside", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  const [canary, root] = [join(directory.path, "canary"), join(directory.path, "root")];
  makeCanary(canary);
  const before = snapshot(canary);
  mkdirSync(join(root, "a/b"), { recursive: true });
  symlinkSync(canary, join(root, "swap-a"));
  symlinkSync(canary, join(root, "a/swap-b"));
  const flipper = new Worker(
    `import { openDirectory } from ${JSON.stringify(new URL("../../../src/linux/file/open.ts", import.meta.url).href)};
     import { renameat2 } from ${JSON.stringify(new URL("../../../src/linux/file/make.ts", import.meta.url).href)};
     const root = openDirectory(${JSON.stringify(root)}), a = openDirectory(${JSON.stringify(join(root, "a"))});
     let flips = 0;
     const { parentPort } = await import("node:worker_threads");
     const end = Date.now() + 1500;
     // A name is missing for a moment while the extraction replaces it.
     const flip = (directory, one, other) => { try { renameat2(directory, one, directory, other, 2); flips++; } catch {} };
     while (Date.now() < end) for (let i = 0; i < 100; i++) { flip(root, "a", "swap-a"); flip(a, "b", "swap-b"); }
     parentPort.postMessage(flips);`,
    { eval: true, execArgv: ["--input-type=module"] },
  );
  const flips = new Promise<number>((resolve, reject) => void flipper.once("message", resolve).once("error", reject));
  let running = true;
  const stop = (): void => void (running = false);
  flips.then(stop, stop);
  let attempts = 0;
  const members = ["a/b/file", "a/file", "a/b/directory/file", "a/b/new"].map((name) => ({ name, content: "evil" }));
  while (running) {
    const tar = tarOf(
      ...members,
      { name: "a/b/", mode: 0o777, uid: 7 },
      { name: "a/b/link", type: "symlink", linkName: "/" },
    );
    await extractFrom(workers, Readable.from([tar]), root, { whiteouts: "none" }).catch(() => {});
    attempts++;
  }
  assert.ok((await flips) > 500 && attempts > 3, `${await flips} flips, ${attempts} attempts`);
  assert.deepEqual(snapshot(canary), before);
});

test("an archive of more directories than there may be is refused", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  const root = join(directory.path, "root");
  mkdirSync(root);
  const archive = tarOf(...Array.from({ length: 101 }, (_, index) => ({ name: `d${index}/` })));
  const extracting = (directoriesMax: number): Promise<unknown> =>
    extractFrom(workers, Readable.from([archive]), root, { whiteouts: "none", directoriesMax });
  await extracting(101);
  await assert.rejects(extracting(100), { name: "TarError", message: "more than 100 directories in archive" });
});

test("a bomb ends at the limit, in little memory, and the daemon lives", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  const root = join(directory.path, "root");
  mkdirSync(root);
  const header = memberOf({ name: "zeros", content: "" });
  header.write("00074000000\0".slice(0, 12), 124, "latin1");
  header.fill(0x20, 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  const bomb = Readable.from(
    (function* () {
      yield header;
      for (let megabytes = 0; megabytes < 1024; megabytes++) yield Buffer.alloc(1 << 20);
    })(),
  ).pipe(createGzip({ level: 1 }));
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10);
  const place = { root, journal: `${root}-journal`, orphans: `${root}-orphans` };
  try {
    const unpacking = unpackFrom(workers, bomb, place, { whiteouts: "overlay", limitBytes: 64 << 20 });
    await assert.rejects(unpacking, { name: "TarError", message: /larger than/ });
  } finally {
    clearInterval(watch);
  }
  assert.ok(peak - before < 150 << 20, `${(peak - before) >> 20} MiB`);
  assert.ok(existsSync(root));
});
