import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "./database.ts";
import { GroupSync } from "./group-sync.ts";

const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "berth-sync-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("calls while a sync is under way share the next one, which begins behind them", () =>
  inFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "bytes");
    const sync = new GroupSync(file);
    const order: string[] = [];
    const first = sync.synced().then(() => order.push("first"));
    const second = sync.synced();
    assert.equal(sync.synced(), second);
    await Promise.all([first, second.then(() => order.push("second"))]);
    assert.deepEqual(order, ["first", "second"]);
    assert.notEqual(sync.synced(), second, "what is over is not shared");
    await sync.close();
  }));

test("a file that cannot be opened is told by every sync", () =>
  inFolder(async (folder) => {
    const sync = new GroupSync(join(folder, "none"));
    await assert.rejects(sync.synced(), { code: "ENOENT" });
    await assert.rejects(sync.synced(), { code: "ENOENT" });
    await sync.close();
  }));

test("light commits are synced when asked for", () =>
  inFolder(async (folder) => {
    using database = Database.open(join(folder, "engine.db"));
    database.emit({ Type: "container", Action: "create", Actor: { ID: "c", Attributes: {} } });
    await Promise.all([database.synced(), database.synced(), database.synced()]);
    await database.synced();
  }));
