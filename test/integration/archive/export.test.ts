import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { exportRoot } from "../../../src/daemon/container/export.ts";
import { run } from "../../../src/linux/process/run.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";

test("a root is exported with all that is in it", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-export-"));
  await using workers = new LayerWorkers();
  try {
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/hostname"), "x\n", { mode: 0o640 });
    symlinkSync("/etc", join(root, "link"));
    const tar = await buffer(exportRoot(workers, root));
    const listed = (await run(["/bin/tar", "-t"], { input: tar })).stdout.toString();
    assert.equal(listed, "etc/\netc/hostname\nlink\n");
  } finally {
    rmSync(root, { recursive: true });
  }
});
