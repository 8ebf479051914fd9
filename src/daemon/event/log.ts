import type { Filters } from "../../base/filters.ts";
import type { StoredEvent } from "./event.ts";
import { matchesEvent } from "./match.ts";

/** What the log reads from: the database, which stores every event in the commit that it tells of. */
export interface EventSource {
  /** The kept events with `fromNs` ≤ time ≤ `toNs`, oldest first. */
  events(fromNs: bigint, toNs: bigint): StoredEvent[];
  subscribe(listener: (event: StoredEvent) => void): Disposable;
}

/** How many events wait for a reader that is slower than they come. A reader further behind is dropped. */
export const maxWaitingEvents = 8192;

export interface EventQuery {
  /** Nanoseconds since the epoch; without it nothing is replayed. */
  sinceNs?: bigint;
  /** Nanoseconds since the epoch; the stream ends then. */
  untilNs?: bigint;
  filters: Filters;
  signal?: AbortSignal;
}

/** The events of this engine: replay, then live, in commit order, none missed and none twice. */
export class EventLog {
  readonly #source: EventSource;
  readonly #now: () => bigint;
  #readers = 0;

  /** @param now nanoseconds since the epoch */
  constructor(source: EventSource, now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#source = source;
    this.#now = now;
  }

  /** How many follow the events now, for `/info`. */
  get readers(): number {
    return this.#readers;
  }

  /** Calls `listener` for every event from now on, within the commit's turn. */
  subscribe(listener: (event: StoredEvent) => void): Disposable {
    return this.#source.subscribe(listener);
  }

  /** The stored events of a time span, oldest first. */
  since(fromNs: bigint, toNs: bigint): StoredEvent[] {
    return this.#source.events(fromNs, toNs);
  }

  /**
   * The events asked for, as they come. Following begins with the call, not with the first read. Ends at `untilNs`, when
   * `signal` aborts, or when the reader is more than `maxWaitingEvents` behind.
   */
  follow(query: EventQuery): AsyncIterableIterator<StoredEvent> & Disposable {
    const follower = new Follower(query, this.#source, this.#now());
    this.#readers++;
    follower.onEnd(() => this.#readers--);
    return follower;
  }
}

class Follower implements AsyncIterableIterator<StoredEvent>, Disposable {
  readonly #waiting: StoredEvent[];
  readonly #filters: Filters;
  readonly #untilNs: bigint | undefined;
  readonly #subscription: Disposable;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #closers: (() => void)[] = [];

  constructor(query: EventQuery, source: EventSource, nowNs: bigint) {
    this.#filters = query.filters;
    this.#untilNs = query.untilNs;
    // Both happen in one turn, and events are told in the turn of their commit: no gap and no overlap between them.
    this.#subscription = source.subscribe((event) => this.#take(event));
    const past = query.sinceNs === undefined ? [] : source.events(query.sinceNs, query.untilNs ?? nowNs + 1n);
    this.#waiting = past.filter((event) => matchesEvent(event, this.#filters));
    if (query.untilNs !== undefined) this.#endAt(query.untilNs, nowNs);
    const abort = (): void => this[Symbol.dispose]();
    if (query.signal?.aborted === true) abort();
    query.signal?.addEventListener("abort", abort, { once: true });
    this.onEnd(() => query.signal?.removeEventListener("abort", abort));
  }

  onEnd(work: () => void): void {
    if (this.#ended) work();
    else this.#closers.push(work);
  }

  async next(): Promise<IteratorResult<StoredEvent>> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) return { value: event, done: false };
      if (this.#ended) return { value: undefined, done: true };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async return(): Promise<IteratorResult<StoredEvent>> {
    this[Symbol.dispose]();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#waiting.length = 0;
    this.#end();
  }

  #take(event: StoredEvent): void {
    if (this.#ended || (this.#untilNs !== undefined && event.timeNs > this.#untilNs)) return;
    if (!matchesEvent(event, this.#filters)) return;
    if (this.#waiting.length >= maxWaitingEvents) return this[Symbol.dispose]();
    this.#waiting.push(event);
    this.#wake?.();
  }

  #endAt(untilNs: bigint, nowNs: bigint): void {
    const leftMs = Number((untilNs - nowNs) / 1_000_000n);
    if (leftMs <= 0) return this.#end();
    // A timer holds 24 days; a longer wait is made of several.
    this.#timer = setTimeout(
      () => this.#endAt(untilNs, nowNs + BigInt(Math.min(leftMs, maxTimerMs)) * 1_000_000n),
      Math.min(leftMs, maxTimerMs),
    );
  }

  /** No further events; what waits is still read. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#subscription[Symbol.dispose]();
    clearTimeout(this.#timer);
    this.#wake?.();
    for (const work of this.#closers.splice(0)) work();
  }
}

const maxTimerMs = 2 ** 31 - 1;
