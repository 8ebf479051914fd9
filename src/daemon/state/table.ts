import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { TableName } from "./schema.ts";

/** Hears each change as it becomes visible: the record that was and the one that is, undefined for none. */
export type TableObserver<T> = (key: string, before: Readonly<T> | undefined, after: Readonly<T> | undefined) => void;

/**
 * The records of one noun. Reads come from memory and never wait; a record is frozen, so what a reader holds stays as
 * it was. Changes go through `Database.transaction` alone.
 */
export class Table<T extends object> {
  readonly name: TableName;
  readonly #records = new Map<string, Readonly<T>>();
  readonly #observers: TableObserver<T>[] = [];
  readonly #put: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, name: TableName) {
    this.name = name;
    this.#put = database.prepare(
      `INSERT INTO "${name}" (key, record) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET record = excluded.record`,
    );
    this.#delete = database.prepare(`DELETE FROM "${name}" WHERE key = ?`);
    for (const row of database.prepare(`SELECT key, record FROM "${name}"`).iterate()) {
      this.#records.set(String(row["key"]), Object.freeze(JSON.parse(String(row["record"])) as T));
    }
  }

  get size(): number {
    return this.#records.size;
  }

  get(key: string): Readonly<T> | undefined {
    return this.#records.get(key);
  }

  has(key: string): boolean {
    return this.#records.has(key);
  }

  entries(): IterableIterator<[string, Readonly<T>]> {
    return this.#records.entries();
  }

  keys(): IterableIterator<string> {
    return this.#records.keys();
  }

  values(): IterableIterator<Readonly<T>> {
    return this.#records.values();
  }

  /**
   * For what is derived from the records and kept beside them: hears of those that are here, and from then on of each
   * change, in the commit's turn. It must not throw.
   */
  observe(observer: TableObserver<T>): void {
    this.#observers.push(observer);
    for (const [key, record] of this.#records) observer(key, undefined, record);
  }

  /** For `Database.transaction`: writes to SQL, and returns what makes the change visible once it is committed. */
  writePut(key: string, record: T): () => void {
    this.#put.run(key, JSON.stringify(record));
    const frozen = Object.freeze(record);
    return () => this.#show(key, frozen);
  }

  /** For `Database.transaction`, as `writePut`. */
  writeDelete(key: string): () => void {
    this.#delete.run(key);
    return () => this.#show(key, undefined);
  }

  #show(key: string, record: Readonly<T> | undefined): void {
    const before = this.#records.get(key);
    if (record === undefined) this.#records.delete(key);
    else this.#records.set(key, record);
    for (const observer of this.#observers) observer(key, before, record);
  }
}
