import { newId } from "../../base/ids.ts";
import type { Clock } from "../../base/clock.ts";

export type ContentKind = "blob" | "layer";

/** Keeps content from being collected while somebody works with it and no record names it yet. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** A blob by its digest, a layer by its chain id; it need not exist yet. */
  add(kind: ContentKind, key: string): void;
  /** Begins the time to live anew. */
  keepAlive(): void;
}

/**
 * The leases of this process. They are kept in memory: work that a daemon had begun ends with it, and what that work had
 * stored is collected by the next one.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #open = new Map<string, { reason: string; expiresAt: number; blobs: Set<string>; layers: Set<string> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param reason for people, as "pull of busybox:latest".
   * @param ttlMs how long the lease holds after its last `keepAlive`, should it never be closed.
   */
  open(reason: string, ttlMs: number): Lease {
    const id = newId();
    const expiry = (): number => this.#clock.now() + ttlMs;
    const lease = { reason, expiresAt: expiry(), blobs: new Set<string>(), layers: new Set<string>() };
    this.#open.set(id, lease);
    return {
      id,
      add: (kind, key) => void (kind === "blob" ? lease.blobs : lease.layers).add(key),
      keepAlive: () => void (lease.expiresAt = expiry()),
      [Symbol.asyncDispose]: async () => void this.#open.delete(id),
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
    return { blobs, layers };
  }
}
