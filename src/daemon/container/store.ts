import { conflict, invalidParameter, notFound } from "../../base/errors.ts";
import type { Database, Transaction } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { ContainerRecord } from "./record.ts";

/** The containers of the engine, by id, by name and by what a user typed. */
export class ContainerStore {
  readonly #database: Database;
  readonly #table: Table<ContainerRecord>;
  readonly #idsByName = new Map<string, string>();
  // Names of containers that are being made: taken, and not yet anybody's.
  readonly #reserved = new Map<string, string>();

  constructor(database: Database) {
    this.#database = database;
    this.#table = database.table<ContainerRecord>("containers");
    for (const record of this.#table.values()) this.#idsByName.set(record.name, record.id);
  }

  get size(): number {
    return this.#table.size;
  }

  values(): IterableIterator<Readonly<ContainerRecord>> {
    return this.#table.values();
  }

  get(id: string): Readonly<ContainerRecord> | undefined {
    return this.#table.get(id);
  }

  /**
   * The container meant by a full id, a name (with or without slash) or an id's unique beginning, in this order.
   * @throws EngineError not-found; invalid-parameter when several ids begin so.
   */
  find(reference: string): Readonly<ContainerRecord> {
    const byId = this.#table.get(reference);
    if (byId) return byId;
    const byName = this.#table.get(this.#idsByName.get(reference.replace(/^\//, "")) ?? "");
    if (byName) return byName;
    if (reference === "") throw invalidParameter('invalid name or ID supplied: ""');
    let found: Readonly<ContainerRecord> | undefined;
    if (/^[0-9a-f]{1,64}$/.test(reference)) {
      for (const [id, record] of this.#table.entries()) {
        if (!id.startsWith(reference)) continue;
        if (found) throw invalidParameter(`Multiple IDs found with provided prefix: ${reference}`);
        found = record;
      }
    }
    if (!found) throw notFound(`No such container: ${reference}`);
    return found;
  }

  idOfName(name: string): string | undefined {
    return this.#idsByName.get(name);
  }

  /** @throws EngineError conflict, in Docker's words, when another container has the name. */
  requireFreeName(name: string): void {
    const owner = this.#idsByName.get(name) ?? this.#reserved.get(name);
    if (owner === undefined) return;
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
        `You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }

  isFreeName(name: string): boolean {
    return !this.#idsByName.has(name) && !this.#reserved.has(name);
  }

  /** Keeps a name for a container that is being made. @throws EngineError conflict */
  reserve(name: string, id: string): void {
    this.requireFreeName(name);
    this.#reserved.set(name, id);
  }

  unreserve(name: string): void {
    this.#reserved.delete(name);
  }

  /**
   * Stores a new or changed record together with what `also` adds to the transaction.
   * @param durability light: what a reboot ends anyway, or what `Database.synced` is awaited for
   */
  put(
    record: ContainerRecord,
    also?: (transaction: Transaction) => void,
    durability: "durable" | "light" = "durable",
  ): void {
    const before = this.#table.get(record.id);
    const work = (transaction: Transaction): void => {
      transaction.put(this.#table, record.id, record);
      also?.(transaction);
    };
    if (durability === "light") this.#database.lightTransaction(work);
    else this.#database.transaction(work);
    if (before && before.name !== record.name) this.#idsByName.delete(before.name);
    this.#idsByName.set(record.name, record.id);
  }

  /** Applies `change` to the newest record of `id`; undefined when it is gone. */
  update(
    id: string,
    change: (record: Readonly<ContainerRecord>) => Partial<ContainerRecord>,
    also?: (transaction: Transaction, record: ContainerRecord) => void,
    durability: "durable" | "light" = "durable",
  ): Readonly<ContainerRecord> | undefined {
    const before = this.#table.get(id);
    if (!before) return undefined;
    const record: ContainerRecord = { ...before, ...change(before) };
    this.put(record, also && ((transaction) => also(transaction, record)), durability);
    return record;
  }

  /** Removes a record; the removal survives a loss of power once `Database.synced` says so. */
  delete(record: Readonly<ContainerRecord>, also?: (transaction: Transaction) => void): void {
    this.#database.lightTransaction((transaction) => {
      transaction.delete(this.#table, record.id);
      also?.(transaction);
    });
    this.#idsByName.delete(record.name);
  }
}
