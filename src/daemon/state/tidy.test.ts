import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Database } from "./database.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-tidy-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const sizeOf = (path: string): number =>
  statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);

test("what deleted records and the write-ahead log took is given back once it is quiet", async () => {
  const path = join(folder, "database");
  const database = Database.open(path);
  const table = database.table<{ text: string }>("images");
  const before = sizeOf(path);
  const keys = Array.from({ length: 300 }, (_, index) => String(index));
  database.transaction((tx) => keys.forEach((key) => tx.put(table, key, { text: "x".repeat(20_000) })));
  database.transaction((tx) => keys.forEach((key) => tx.delete(table, key)));
  assert.ok(sizeOf(path) > before + 6_000_000, "it has grown");
  for (let tries = 0; sizeOf(path) > before + 300_000 && tries < 100; tries++) await sleep(100);
  assert.ok(sizeOf(path) <= before + 300_000, `${sizeOf(path)} after ${before}`);
  database.transaction((tx) => tx.put(table, "later", { text: "kept" }));
  database.close();
  using again = Database.open(path);
  assert.equal(again.table<{ text: string }>("images").get("later")?.text, "kept");
});

test("events with long labels are bounded by what they take, not by their number alone", () => {
  using database = Database.open(join(folder, "events"));
  const Attributes = { label: "x".repeat(4000) };
  for (let index = 0; index < 1024; index++)
    database.emit({ Type: "container", Action: "create", Actor: { ID: String(index), Attributes } });
  const kept = database.events(0n, 2n ** 64n);
  assert.equal(kept.at(-1)?.Actor.ID, "1023");
  const characters = kept.reduce((sum, event) => sum + JSON.stringify(event.Actor).length, 0);
  assert.ok(characters <= 768 * 1024 + 128 * 4200 && characters > 700 * 1024, String(characters));
});
