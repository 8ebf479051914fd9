import { newId } from "../../base/ids.ts";
import type { Clock } from "../../base/clock.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";

export type ContentKind = "blob" | "layer";

/** Keeps content from being collected while somebody works with it and no record names it yet. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** A blob by its digest, a layer by its chain id; it need not exist yet. */
  add(kind: ContentKind, key: string): void;
  /** Begins the time to live anew. */
  keepAlive(): void;
  /** What it holds outlives its end, until its time has run out: the work was cut off and may be gone on with. */
  leave(): void;
}

/** A lease that is for more than this process; its key is the reason. */
interface LeaseRecord {
  expiresAtMs: number;
  blobs: string[];
  layers: string[];
}

/** Most leases of work that was cut off; the oldest goes first. */
const recordsMax = 64;

/**
 * Who holds what. Leases are kept in memory: work that a daemon had begun ends with it, and what that work had stored is
 * collected by the next one. Those that survive are records besides, until they expire.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #database: Database | null;
  readonly #table: Table<LeaseRecord> | null;
  readonly #open = new Map<string, { reason: string; expiresAt: number; blobs: Set<string>; layers: Set<string> }>();

  /** @param database for leases that survive; without one none does. */
  constructor(clock: Clock, database: Database | null = null) {
    this.#clock = clock;
    this.#database = database;
    this.#table = database?.table<LeaseRecord>("leases") ?? null;
  }

  /**
   * @param reason for people, as "pull of busybox:latest". A lease that survives takes the place of an earlier one of
   * the same reason.
   * @param ttlMs how long the lease holds after its last `keepAlive`, should it never be closed.
   * @param options.survives it holds on when this process dies.
   */
  open(reason: string, ttlMs: number, options: { survives?: boolean } = {}): Lease {
    const id = newId();
    const expiry = (): number => this.#clock.now() + ttlMs;
    const lease = { reason, expiresAt: expiry(), blobs: new Set<string>(), layers: new Set<string>() };
    this.#open.set(id, lease);
    const survives = options.survives === true;
    let isLeft = false;
    let isNoted = false;
    const note = (): void => {
      if (isNoted || !survives) return;
      isNoted = true;
      // Many things are added in one turn; none of them exists before it is over.
      queueMicrotask(() => {
        isNoted = false;
        if (this.#open.has(id)) this.#put(lease);
      });
    };
    return {
      id,
      add: (kind, key) => {
        const held = kind === "blob" ? lease.blobs : lease.layers;
        if (held.has(key)) return;
        held.add(key);
        note();
      },
      keepAlive: () => void (lease.expiresAt = expiry()),
      leave: () => void (isLeft = true),
      [Symbol.asyncDispose]: async () => {
        if (survives && isLeft) this.#put({ ...lease, expiresAt: expiry() });
        else if (survives) this.#drop([reason]);
        this.#open.delete(id);
      },
    };
  }

  /** What live leases hold. Those that have expired are dropped. */
  held(): { blobs: Set<string>; layers: Set<string> } {
    const [blobs, layers] = [new Set<string>(), new Set<string>()];
    for (const [id, lease] of this.#open) {
      if (lease.expiresAt < this.#clock.now()) {
        this.#open.delete(id);
        continue;
      }
      for (const key of lease.blobs) blobs.add(key);
      for (const key of lease.layers) layers.add(key);
    }
    this.#dropOld();
    for (const record of this.#table?.values() ?? []) {
      for (const key of record.blobs) blobs.add(key);
      for (const key of record.layers) layers.add(key);
    }
    return { blobs, layers };
  }

  /**
   * Ends the leases of work that was cut off and that nobody has gone on with: what they hold can be collected.
   * @returns true when there were any
   */
  dropLeft(): boolean {
    const running = new Set([...this.#open.values()].map(({ reason }) => reason));
    const left = [...(this.#table?.entries() ?? [])].map(([reason]) => reason).filter((reason) => !running.has(reason));
    this.#drop(left);
    return left.length > 0;
  }

  #dropOld(): void {
    const records = [...(this.#table?.entries() ?? [])].sort(([, a], [, b]) => b.expiresAtMs - a.expiresAtMs);
    const now = this.#clock.now();
    this.#drop(
      records
        .filter(([, { expiresAtMs }], index) => expiresAtMs < now || index >= recordsMax)
        .map(([reason]) => reason),
    );
  }

  #put({
    reason,
    expiresAt,
    blobs,
    layers,
  }: {
    reason: string;
    expiresAt: number;
    blobs: Set<string>;
    layers: Set<string>;
  }): void {
    const [table, database] = [this.#table, this.#database];
    if (table === null || database === null) return;
    const record = { expiresAtMs: expiresAt, blobs: [...blobs], layers: [...layers] };
    database.lightTransaction((transaction) => transaction.put(table, reason, record));
  }

  #drop(reasons: readonly string[]): void {
    const [table, database] = [this.#table, this.#database];
    const known = reasons.filter((reason) => table?.get(reason) !== undefined);
    if (table === null || database === null || known.length === 0) return;
    database.lightTransaction((transaction) => known.forEach((reason) => transaction.delete(table, reason)));
  }
}
