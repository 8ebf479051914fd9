import { closeSync, constants, fchmodSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Clock, systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { EventInput, StoredEvent } from "../event/event.ts";
import { GroupSync } from "./group-sync.ts";
import { migrations, type TableName, tableNames } from "./schema.ts";
import { Table } from "./table.ts";
import { Tidy } from "./tidy.ts";

/** How many events are kept for `docker events --since`, and how many characters of them. Older ones go, a batch at a time. */
export const maxKeptEvents = 4096;
const maxKeptEventCharacters = 768 * 1024;
const trimEveryEvents = 128;
const ownerOnly = 0o600;

/** What a transaction may do. Valid only until the callback that received it returns. */
export interface Transaction {
  /** Stores `record` under `key`. The record is frozen: build a new one for the next change. */
  put<T extends object>(table: Table<T>, key: string, record: T): void;
  delete<T extends object>(table: Table<T>, key: string): void;
  /** States what happened; subscribers hear it after the commit, in commit order. */
  emit(event: EventInput): void;
}

/**
 * The engine's one database. A change and the events that tell of it are one durable commit; after it the tables show
 * the change and the subscribers hear the events, all within the same turn of the event loop.
 */
export class Database implements Disposable {
  readonly #sql: DatabaseSync;
  readonly #path: string;
  #sync: GroupSync | undefined;
  readonly #tidy: Tidy;
  readonly #clock: Clock;
  readonly #tables = new Map<TableName, Table<object>>();
  readonly #listeners = new Set<(event: StoredEvent) => void>();
  readonly #insertEvent: StatementSync;
  readonly #statements: { begin: StatementSync; commit: StatementSync; rollback: StatementSync };
  #sequence: number;
  #lastTimeNs: bigint;
  #inTransaction = false;

  /**
   * Opens or makes the database file; older schemas are migrated in one step.
   * @throws EngineError system: the file was written by a newer Berth (it is left as it is).
   */
  static open(path: string, clock: Clock = systemClock()): Database {
    // It holds environments of containers: whatever the folder lets through, this is its owner's.
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, ownerOnly);
    fchmodSync(fd, ownerOnly);
    closeSync(fd);
    const sql = new DatabaseSync(path);
    try {
      const version = Number(sql.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
      if (version > migrations.length) {
        throw new EngineError(
          "system",
          `${path} has schema ${version} and this version of Berth knows ${migrations.length}: start the newer version again, or choose another --data-root`,
        );
      }
      sql.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
      if (version < migrations.length) {
        const steps = migrations.slice(version).join(";\n");
        sql.exec(`BEGIN IMMEDIATE; ${steps}; PRAGMA user_version = ${migrations.length}; COMMIT`);
      }
      return new Database(sql, path, clock);
    } catch (error) {
      sql.close();
      throw error;
    }
  }

  private constructor(sql: DatabaseSync, path: string, clock: Clock) {
    this.#sql = sql;
    this.#path = path;
    this.#clock = clock;
    this.#tidy = new Tidy(sql, path);
    for (const name of tableNames) this.#tables.set(name, new Table<object>(sql, name));
    this.#insertEvent = sql.prepare("INSERT INTO events (sequence, time_ns, event) VALUES (?, ?, ?)");
    this.#statements = {
      begin: sql.prepare("BEGIN IMMEDIATE"),
      commit: sql.prepare("COMMIT"),
      rollback: sql.prepare("ROLLBACK"),
    };
    const last = sql.prepare("SELECT sequence, time_ns FROM events ORDER BY sequence DESC LIMIT 1");
    last.setReadBigInts(true);
    const row = last.get();
    this.#sequence = Number(row?.["sequence"] ?? 0);
    this.#lastTimeNs = BigInt((row?.["time_ns"] as bigint | undefined) ?? 0n);
  }

  /** The records of one noun; `T` is that noun's record type, and only its folder names it. */
  table<T extends object>(name: TableName): Table<T> {
    return this.#tables.get(name) as Table<T>;
  }

  /**
   * Runs `work` and commits everything it did, or nothing when it throws.
   * Synchronous: no other change can come in between.
   */
  transaction<T>(work: (transaction: Transaction) => T): T {
    if (this.#inTransaction) throw new Error("a transaction is open already");
    this.#inTransaction = true;
    const visible: (() => void)[] = [];
    const events: StoredEvent[] = [];
    let result: T;
    try {
      this.#statements.begin.run();
      try {
        result = work({
          put: (table, key, record) => void visible.push(table.writePut(key, record)),
          delete: (table, key) => void visible.push(table.writeDelete(key)),
          emit: (event) => void events.push(this.#store(event, this.#sequence + events.length + 1)),
        });
        this.#statements.commit.run();
      } catch (error) {
        // A full disk, or one that fails, has SQLite roll back by itself.
        if (this.#sql.isTransaction) this.#statements.rollback.run();
        throw error;
      }
    } finally {
      this.#inTransaction = false;
    }
    this.#sequence += events.length;
    for (const show of visible) show();
    for (const event of events) for (const listener of this.#listeners) listener(event);
    if (events.length > 0 && this.#sequence % trimEveryEvents < events.length) this.#trimEvents();
    this.#tidy.noteWrite();
    return result;
  }

  /**
   * A transaction that survives a kill of the daemon but not surely a power loss, at a tenth of the price. For events
   * alone, for records of things that a reboot ends anyway, and for what waits for `synced` before it is answered.
   */
  lightTransaction<T>(work: (transaction: Transaction) => T): T {
    this.#sql.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.transaction(work);
    } finally {
      this.#sql.exec("PRAGMA synchronous = FULL");
    }
  }

  /**
   * Fulfilled once every commit so far survives a loss of power: for answers that may wait while the event loop goes on.
   * Commits that come close together share one sync. @throws system errors
   */
  synced(): Promise<void> {
    this.#sync ??= new GroupSync(`${this.#path}-wal`);
    return this.#sync.synced();
  }

  /** States something that changed no record. */
  emit(...events: EventInput[]): void {
    this.lightTransaction((transaction) => events.forEach((event) => transaction.emit(event)));
  }

  /** Calls `listener` for every event committed from now on, within the commit's turn. It must not throw. */
  subscribe(listener: (event: StoredEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** The kept events with `fromNs` ≤ time ≤ `toNs`, oldest first. */
  events(fromNs: bigint, toNs: bigint): StoredEvent[] {
    const select = this.#sql.prepare(
      "SELECT sequence, time_ns, event FROM events WHERE time_ns >= ? AND time_ns <= ? ORDER BY sequence",
    );
    select.setReadBigInts(true);
    return select.all(clampToInt64(fromNs), clampToInt64(toNs)).map((row) => ({
      ...(JSON.parse(String(row["event"])) as EventInput),
      sequence: Number(row["sequence"]),
      timeNs: row["time_ns"] as bigint,
    }));
  }

  close(): void {
    this.#tidy[Symbol.dispose]();
    void this.#sync?.close();
    this.#sql.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #store(event: EventInput, sequence: number): StoredEvent {
    const now = this.#clock.nowNs();
    this.#lastTimeNs = now > this.#lastTimeNs ? now : this.#lastTimeNs + 1n;
    this.#insertEvent.run(sequence, this.#lastTimeNs, JSON.stringify(event));
    return { ...event, sequence, timeNs: this.#lastTimeNs };
  }

  #trimEvents(): void {
    const from = this.#sql.prepare(
      "SELECT sequence FROM (SELECT sequence, SUM(LENGTH(event)) OVER (ORDER BY sequence DESC) AS length FROM events) WHERE length > ? ORDER BY sequence DESC LIMIT 1",
    );
    const tooOld = Number(from.get(maxKeptEventCharacters)?.["sequence"] ?? 0);
    const oldest = Math.max(tooOld, this.#sequence - maxKeptEvents);
    this.#sql.prepare("DELETE FROM events WHERE sequence <= ?").run(oldest);
  }
}

const maxInt64 = 2n ** 63n - 1n;
const clampToInt64 = (value: bigint): bigint => (value > maxInt64 ? maxInt64 : value < 0n ? 0n : value);
