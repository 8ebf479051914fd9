// What the engine says it takes on the disk, beside what `du` says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DiskReport } from "../../../src/wire/engine/disk.ts";
import { busyboxArchive } from "../../support/busybox-image.ts";
import { empty, useEngine } from "../../support/engine.ts";

const engine = useEngine();

/** What is deleted meanwhile does not matter. */
const du = (path: string, ...flags: string[]): number =>
  Number(
    spawnSync("/usr/bin/du", ["-s", "-x", "--block-size=1", ...flags, path], { encoding: "utf8" }).stdout.split(
      "\t",
    )[0],
  );

/** Two layers, one of them of many small files. */
const archive = (): Buffer =>
  busyboxArchive({
    layers: [
      [
        { name: "many/", type: "5" },
        ...Array.from({ length: 3000 }, (_, index) => ({ name: `many/${index}`, content: "x".repeat(index) })),
      ],
      [{ name: "large", content: "y".repeat(3_000_000) }],
    ],
  });

interface Usage {
  LayersSize: number;
  Containers: { SizeRw: number }[];
  Volumes: { UsageData: { Size: number } }[];
}

const fill = async (): Promise<void> => {
  await engine.api.ok("POST", "/images/load?quiet=1", archive());
  const write =
    "head -c 2000000 /dev/zero >/own; head -c 1000000 /dev/zero >/data/v; ln /own /again; yes | head -c 500000";
  await engine.docker.ok("run", "--name", "full", "-v", "vol:/data", "busybox", "sh", "-c", write);
};

test("df agrees with du, and the report adds up to it to the byte", async () => {
  const { dataRoot } = engine.daemon;
  await fill();
  // What was removed before is being deleted.
  await settled(dataRoot);
  const usage = await engine.api.ok<Usage>("GET", "/system/df");
  const said =
    usage.LayersSize +
    usage.Containers.reduce((sum, { SizeRw }) => sum + SizeRw, 0) +
    usage.Volumes.reduce((sum, { UsageData }) => sum + UsageData.Size, 0);
  const report = await engine.api.ok<DiskReport>("GET", "/system/disk");
  const state = report.Rooms.find(({ Name }) => Name === "state")?.ApparentBytes ?? 0;
  const apparent = du(dataRoot, "--apparent-size");
  const off = Math.abs(apparent - state - said) / apparent;
  assert.ok(off <= 0.01, `${said} of df and ${state} of the engine's own beside ${apparent} of du`);
  assert.deepEqual(report.Total, { ApparentBytes: du(dataRoot, "--apparent-size"), AllocatedBytes: du(dataRoot) });
  for (const key of ["ApparentBytes", "AllocatedBytes"] as const)
    assert.equal(
      report.Rooms.reduce((sum, room) => sum + room[key], 0),
      report.Total[key],
    );
  const image = report.Images.find(({ ApparentBytes }) => ApparentBytes > 7_000_000);
  assert.deepEqual(image?.Names, ["busybox:latest"]);
  assert.ok((image?.Unique.ApparentBytes ?? 0) > 7_000_000, "what only this image has");
  // Two names of one file take its room once.
  const [container] = report.Containers;
  assert.ok((container?.Layers.ApparentBytes ?? 0) > 2_000_000 && (container?.Layers.ApparentBytes ?? 0) < 3_000_000);
  assert.ok((container?.Files.ApparentBytes ?? 0) > 500_000, "the log is counted");
  assert.equal(report.Volumes[0]?.Name, "vol");
});

test("when everything is removed, nothing of it stays on the disk", async () => {
  const { dataRoot } = engine.daemon;
  await empty(engine.api);
  for (const image of await engine.api.ok<{ Id: string }[]>("GET", "/images/json?all=1"))
    await engine.api.ok("DELETE", `/images/${image.Id}?force=1`);
  const before = await settled(dataRoot);
  for (let round = 0; round < 3; round++) {
    await fill();
    await empty(engine.api);
    for (const image of await engine.api.ok<{ Id: string }[]>("GET", "/images/json?all=1"))
      await engine.api.ok("DELETE", `/images/${image.Id}?force=1`);
  }
  const after = await settled(dataRoot);
  assert.ok(after <= before + 512 * 1024, `${after} bytes after ${before}`);
  const driver = readdirSync(join(dataRoot, "overlay2")).filter((name) => !["l", ".trash"].includes(name));
  assert.deepEqual(driver, []);
});

/** What the data root takes once nothing is being deleted any more. */
const settled = async (dataRoot: string): Promise<number> => {
  let last = -1;
  for (let same = 0, tries = 0; same < 6 && tries < 60; tries++) {
    await sleep(500);
    const now = du(dataRoot);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
};

test("the size of what is gone is not remembered", async () => {
  const report = await engine.api.ok<DiskReport>("GET", "/system/disk");
  assert.deepEqual(report.Images, []);
  assert.deepEqual(report.Containers, []);
});
