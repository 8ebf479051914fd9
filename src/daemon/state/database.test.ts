import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import type { StoredEvent } from "../event/event.ts";
import { Database, maxKeptEvents } from "./database.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-state-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const fresh = (): string => join(folder, `${files++}.db`);

const created = (id: string) => ({ Type: "container", Action: "create", Actor: { ID: id, Attributes: {} } }) as const;

test("a change and its event are one commit, seen in order", () => {
  using database = Database.open(fresh());
  const table = database.table<{ name: string }>("containers");
  const heard: [StoredEvent, string | undefined][] = [];
  using _subscription = database.subscribe((event) => heard.push([event, table.get(event.Actor.ID)?.name]));
  database.transaction((tx) => {
    tx.put(table, "a", { name: "x" });
    tx.emit(created("a"));
    assert.equal(table.get("a"), undefined, "nothing is visible before the commit");
  });
  assert.equal(heard.length, 1);
  assert.equal(heard[0]?.[1], "x");
  assert.equal(database.events(0n, 2n ** 64n)[0]?.Actor.ID, "a");
});

test("a transaction that throws changes nothing and tells nobody", () => {
  using database = Database.open(fresh());
  const table = database.table<{ name: string }>("volumes");
  let heard = 0;
  using _subscription = database.subscribe(() => heard++);
  assert.throws(() =>
    database.transaction((tx) => {
      tx.put(table, "v", { name: "v" });
      tx.emit(created("v"));
      throw new Error("no");
    }),
  );
  assert.equal(table.get("v"), undefined);
  assert.equal(heard, 0);
  assert.deepEqual(database.events(0n, 2n ** 64n), []);
  database.transaction((tx) => tx.emit(created("w")));
  assert.equal(heard, 1);
});

test("records and the order of events outlive a kill -9", () => {
  const path = fresh();
  const script = `
    import { Database } from ${JSON.stringify(join(import.meta.dirname, "database.ts"))};
    const database = Database.open(${JSON.stringify(path)});
    const table = database.table("containers");
    for (let i = 0; i < 50; i++) database.transaction((tx) => {
      tx.put(table, String(i), { i });
      tx.emit({ Type: "container", Action: "create", Actor: { ID: String(i), Attributes: {} } });
    });
    process.kill(process.pid, "SIGKILL");`;
  spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script]);
  using database = Database.open(path);
  assert.equal(database.table("containers").size, 50);
  const events = database.events(0n, 2n ** 64n);
  assert.deepEqual(
    events.map((event) => event.Actor.ID),
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  assert.ok(events.every((event, i) => i === 0 || event.timeNs > (events[i - 1]?.timeNs ?? 0n)));
  database.transaction((tx) => tx.emit(created("later")));
  assert.equal(database.events(0n, 2n ** 64n).at(-1)?.sequence, 51);
});

test("a newer schema is refused untouched", () => {
  const path = fresh();
  const sql = new DatabaseSync(path);
  sql.exec("PRAGMA user_version = 999");
  sql.close();
  assert.throws(() => Database.open(path), /schema 999/);
  const again = new DatabaseSync(path);
  assert.equal(again.prepare("PRAGMA user_version").get()?.["user_version"], 999);
  assert.deepEqual(again.prepare("SELECT name FROM sqlite_master").all(), []);
  again.close();
});

test("old events go, the newest stay", () => {
  using database = Database.open(fresh());
  for (let batch = 0; batch < 100; batch++) {
    database.transaction((tx) => {
      for (let i = 0; i < 100; i++) tx.emit(created(String(i)));
    });
  }
  const kept = database.events(0n, 2n ** 64n);
  assert.ok(kept.length >= maxKeptEvents && kept.length < maxKeptEvents + 600, String(kept.length));
  assert.equal(kept.at(-1)?.sequence, 10_000);
});

test("a transaction that SQLite rolled back by itself, as it does on a full disk, tells why", () => {
  const path = fresh();
  using database = Database.open(path);
  const table = database.table<{ name: string }>("volumes");
  using other = new DatabaseSync(path);
  other.exec(
    "CREATE TRIGGER refuse BEFORE INSERT ON volumes BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
  );
  const put = (): void => database.transaction((tx) => tx.put(table, "v", { name: "v" }));
  assert.throws(put, /database or disk is full/);
  assert.equal(table.get("v"), undefined);
  other.exec("DROP TRIGGER refuse");
  put();
  assert.deepEqual(table.get("v"), { name: "v" });
});
