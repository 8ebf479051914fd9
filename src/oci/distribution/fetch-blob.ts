import { setTimeout as sleep } from "node:timers/promises";
import type { PartialBlob } from "../blob/partial.ts";
import { reasonOf } from "./reason.ts";
import { ContentError, RegistryError, TransportError } from "./registry-error.ts";
import type { BlobAnswer, Repository } from "./repository.ts";
import { backoffMs } from "./retry.ts";

/** Most connections for one blob. */
const connectionsMax = 4;
/** So many bytes are written at a time. */
const flushBytes = 1 << 18;
/** A connection that brought this much before it broke was worth it: the count of attempts starts again. */
const progressBytes = 1 << 20;

export interface FetchOptions {
  /** Most bytes of a blob whose size its manifest does not say. */
  maxBytes: number;
  /** Where else the content may be had, when the registry does not have it. */
  urls?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
  /** Hears of every stretch of bytes as it comes. */
  onBytes?: (bytes: number) => void;
  /** Called before a pause that follows a cut connection. */
  onRetry?: (delayMs: number) => void;
}

interface Stretch {
  index: number;
  start: number;
  end: number;
}

/**
 * Fetches what a partial blob still lacks: long ones as ranges over some connections where the server has ranges, the
 * first bytes first; else from the start in one. What breaks is taken up where it ended. The bytes are not checked here.
 *
 * @throws ContentError when the blob is longer than it should be; RegistryError; TransportError, also for one that
 * stays shorter. What came by then stays in the partial blob.
 */
export const fetchBlob = async (repository: Repository, partial: PartialBlob, options: FetchOptions): Promise<void> => {
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  const missing = partial.missing();
  const fetch = new BlobFetch(repository, partial, { ...options, signal });
  const rest = async (): Promise<void> => {
    for (let next = missing.shift(); next !== undefined; next = missing.shift()) await fetch.stretch(next);
  };
  const first = missing.shift();
  if (first === undefined) return;
  // The first answer tells whether there are ranges to be had.
  const others = Promise.withResolvers<void>();
  fetch.onRanges = () => others.resolve();
  const run = async (): Promise<void> => {
    await fetch.stretch(first);
    others.resolve();
    await rest();
  };
  const help = async (): Promise<void> => {
    await others.promise;
    await rest();
  };
  const count = Math.min(connectionsMax - 1, missing.length);
  const parts = [run(), ...Array.from({ length: count }, help)];
  try {
    await Promise.all(parts);
  } catch (error) {
    abort.abort(error);
    others.resolve();
    await Promise.allSettled(parts);
    throw error;
  }
};

class BlobFetch {
  /** Called when the server has answered with a range. */
  onRanges: () => void = () => {};
  readonly #repository: Repository;
  readonly #partial: PartialBlob;
  readonly #options: FetchOptions & { signal: AbortSignal };
  /** Where it is fetched from; null is the registry. */
  #address: string | null = null;
  /** Other connections bring other stretches. */
  #hasRanges = false;

  constructor(repository: Repository, partial: PartialBlob, options: FetchOptions & { signal: AbortSignal }) {
    this.#repository = repository;
    this.#partial = partial;
    this.#options = options;
  }

  /** Brings one stretch, however often it breaks; one that came meanwhile (the server has no ranges) is skipped. */
  async stretch({ index, start, end }: Stretch): Promise<void> {
    const { signal, onRetry } = this.#options;
    const policy = this.#repository.retry;
    const whole = end === Number.POSITIVE_INFINITY;
    let [at, attempt, since] = [start, 1, start];
    while (at < end) {
      const left = this.#partial.missing().find((stretch) => stretch.index === index);
      if (left === undefined) return;
      at = left.start;
      const wanted = end === this.#partial.sizeBytes || whole ? undefined : end;
      const answer = await this.#ask(at, wanted);
      let failure: TransportError;
      try {
        await this.#read(answer, { index, start: at, end });
        if (!this.#lacks(index)) return;
        if (whole && (answer.size === undefined || answer.size === this.#partial.storedBytes))
          return this.#partial.end();
        failure = this.#broken("unexpected EOF");
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof TransportError)) throw error;
        failure = error;
      }
      answer.broke();
      at = this.#partial.missing().find((stretch) => stretch.index === index)?.start ?? end;
      if (at - since >= progressBytes) [attempt, since] = [1, at];
      else attempt++;
      if (attempt > policy.attempts) throw failure;
      const delayMs = backoffMs(policy, Math.max(1, attempt - 1));
      onRetry?.(delayMs);
      await sleep(delayMs, undefined, { signal });
    }
  }

  async #ask(offset: number, end: number | undefined): Promise<BlobAnswer> {
    const range = { offset, end, signal: this.#options.signal };
    const { urls = [] } = this.#options;
    if (this.#address !== null) return this.#repository.foreignBlob(this.#address, range);
    try {
      return await this.#repository.blob(this.#partial.digest, range);
    } catch (error) {
      if (urls.length === 0 || !(error instanceof RegistryError) || error.status !== 404) throw error;
      return this.#askElsewhere(urls, range, error);
    }
  }

  async #askElsewhere(
    urls: readonly string[],
    range: { offset: number; end: number | undefined; signal: AbortSignal },
    error: Error,
  ): Promise<BlobAnswer> {
    for (const address of urls) {
      try {
        const answer = await this.#repository.foreignBlob(address, range);
        this.#address = address;
        return answer;
      } catch (failure) {
        range.signal.throwIfAborted();
        error = failure as Error;
      }
    }
    throw error;
  }

  /** Writes an answer's bytes where they belong: those of the stretch, and all that come when they are not a part. */
  async #read(answer: BlobAnswer, { index, start, end }: Stretch): Promise<void> {
    const limit = end === Number.POSITIVE_INFINITY ? (answer.size ?? this.#options.maxBytes) : this.#partial.sizeBytes;
    if (limit > this.#options.maxBytes) throw new ContentError("the blob is larger than a layer may be");
    if (answer.isPart) this.#hasRanges = true;
    if (answer.isPart) this.onRanges();
    const stretches = this.#hasRanges ? [{ index, start, end }] : this.#partial.missing();
    await new Reading(this.#partial, stretches, limit, this.#options).run(answer, (error) =>
      this.#broken(reasonOf(error).text, error),
    );
  }

  #lacks(index: number): boolean {
    return this.#partial.missing().some((stretch) => stretch.index === index);
  }

  #broken(text: string, cause?: unknown): TransportError {
    const { href } = this.#repository.url(`blobs/${this.#partial.digest}`);
    return new TransportError("GET", href, text, { cause, temporary: true });
  }
}

/** One answer's bytes on their way into a partial blob. */
class Reading {
  readonly #partial: PartialBlob;
  readonly #stretches: Stretch[];
  readonly #limit: number;
  readonly #options: FetchOptions;
  /** Only one stretch of what comes is wanted. */
  readonly #isOne: boolean;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(partial: PartialBlob, stretches: Stretch[], limit: number, options: FetchOptions) {
    this.#partial = partial;
    this.#stretches = stretches;
    this.#isOne = stretches.length === 1 && stretches[0]?.end !== partial.sizeBytes;
    this.#limit = limit;
    this.#options = options;
  }

  async run({ body, offset }: BlobAnswer, cut: (error: unknown) => Error): Promise<void> {
    let position = offset;
    let failure: unknown = null;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (position + chunk.length > this.#limit) throw new ContentError("the blob is longer than its manifest says");
        const flushed = this.#take(chunk, position);
        if (flushed !== undefined) await flushed;
        position += chunk.length;
        // Whatever follows is another connection's; after all of it there must be nothing.
        if (this.#isOne && this.#stretches.length === 0) break;
      }
    } catch (error) {
      failure = error instanceof ContentError || error instanceof DiskError ? error : cut(error);
    }
    body.destroy();
    try {
      // What came before it broke counts.
      await this.#flush(this.#stretches[0]);
      await this.#writing;
    } catch (error) {
      failure ??= error;
    }
    if (failure !== null) throw failure instanceof DiskError ? failure.cause : failure;
  }

  /** Keeps of a chunk what is missing. */
  #take(chunk: Buffer, position: number): Promise<void> | undefined {
    let flushed: Promise<void> | undefined;
    for (let stretch = this.#stretches[0]; stretch !== undefined; stretch = this.#stretches[0]) {
      const next = stretch.start + this.#pendingBytes;
      const from = Math.max(next, position);
      const to = Math.min(stretch.end, position + chunk.length);
      // Nothing of this chunk is missing, or a hole would be left: neither happens in order.
      if (from >= to || from !== next) break;
      const piece = chunk.subarray(from - position, to - position);
      this.#pending.push(piece);
      this.#pendingBytes += piece.length;
      this.#options.onBytes?.(piece.length);
      const isFull = to === stretch.end;
      if (!isFull && this.#pendingBytes < flushBytes) break;
      flushed = this.#flush(stretch);
      if (!isFull) break;
      this.#stretches.shift();
    }
    return flushed;
  }

  /** Begins to write what is pending, once what was begun before is written: that is what the caller waits for. */
  async #flush(stretch: Stretch | undefined): Promise<void> {
    if (this.#pendingBytes === 0 || stretch === undefined) return;
    const [chunks, before] = [this.#pending, this.#writing];
    stretch.start += this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writing = before.then(() => this.#partial.write(stretch.index, chunks)).catch(toDiskError);
    this.#writing.catch(() => {});
    await before;
  }
}

/** Tells what the disk said apart from what the connection did. */
class DiskError extends Error {}

const toDiskError = (error: unknown): never => {
  throw new DiskError("cannot be stored", { cause: error });
};
