import { Readable } from "node:stream";
import { Slots } from "../../base/slots.ts";
import { messageOf } from "../../base/errors.ts";
import { algorithmOf } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { downloadBlob } from "../../oci/distribution/download.ts";
import { RegistryError } from "../../oci/distribution/registry-error.ts";
import type { StoredObject } from "../storage/storage.ts";
import { blobKey } from "../storage/keys.ts";
import { Flight } from "./flight.ts";
import type { ProxyOptions } from "./proxy.ts";
import type { Upstream } from "./upstream.ts";

/** Blobs that are fetched at a time. */
const maxFlights = 32;

export interface WantedBlob {
  upstream: Upstream;
  path: string;
  stored: string;
  digest: Digest;
  /** Only its size is wanted. */
  head: boolean;
}

/** Only the size of a blob. */
export interface KnownSize extends AsyncDisposable {
  size: number;
}

/** Fetches blobs from upstreams, each once however many ask for it. */
export class Fetches implements AsyncDisposable {
  readonly #options: ProxyOptions;
  readonly #flights = new Map<string, Promise<Flight | null>>();
  readonly #slots = new Slots(maxFlights);
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Opens a blob that is not here yet; null when the upstream has it not. */
  async open(wanted: WantedBlob): Promise<StoredObject | KnownSize | null> {
    const key = `${wanted.stored}@${wanted.digest}`;
    const running = this.#flights.get(key);
    if (wanted.head && running === undefined) {
      const size = await this.#size(wanted);
      return size === undefined ? null : { size, [Symbol.asyncDispose]: async () => undefined };
    }
    const begun = running ?? this.#begin(key, wanted);
    const flight = await begun;
    if (flight === null) return null;
    try {
      return await flight.open();
    } catch (error) {
      // It has landed in between.
      const landed = await this.#options.blobs.open(wanted.stored, wanted.digest);
      if (landed === null) throw error;
      return landed;
    }
  }

  /** Ends what is fetched; the files stay for nobody and are purged with old uploads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("the registry ends"));
    await Promise.allSettled(this.#running);
  }

  #size({ upstream, path, digest }: WantedBlob): Promise<number | undefined> {
    return upstream.use(path, async (repository) => {
      try {
        return await repository.statBlob(digest);
      } catch (error) {
        if (error instanceof RegistryError && error.status === 404) return undefined;
        throw error;
      }
    });
  }

  #begin(key: string, wanted: WantedBlob): Promise<Flight | null> {
    const started = this.#start(key, wanted);
    this.#flights.set(key, started);
    started.then(
      (flight) => flight === null && this.#flights.delete(key),
      () => this.#flights.delete(key),
    );
    return started;
  }

  async #start(key: string, wanted: WantedBlob): Promise<Flight | null> {
    const { uploads, blobs, storage, log } = this.#options;
    const { stored, digest } = wanted;
    const slot = await this.#slots.take(this.#ending.signal);
    try {
      const sizeBytes = await this.#size(wanted);
      if (sizeBytes === undefined) {
        slot[Symbol.dispose]();
        return null;
      }
      const session = await uploads.create(stored, algorithmOf(digest));
      const flight = new Flight(digest, session.path, sizeBytes);
      const here = (await storage.stat(blobKey(digest))) !== null;
      const run = async (): Promise<void> => {
        try {
          // Another repository's copy is the same bytes; that this upstream has them for this one was just asked.
          if (!here) {
            await session.alone(async () => {
              await this.#download(wanted, sizeBytes, flight, session);
              await session.verify(digest);
            });
          }
          await blobs.commit(stored, digest, session.path, session.reserved);
          flight.land();
        } catch (error) {
          log("warn", "a blob could not be fetched", { repository: stored, digest, error: messageOf(error) });
          flight.crash(error);
        } finally {
          this.#flights.delete(key);
          await uploads.remove(session);
          slot[Symbol.dispose]();
        }
      };
      if (here) {
        await run();
        // Over before it began: `open` finds the blob in its place.
        return flight;
      }
      const running = run();
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
      return flight;
    } catch (error) {
      slot[Symbol.dispose]();
      throw error;
    }
  }

  async #download(
    { upstream, path, digest }: WantedBlob,
    sizeBytes: number,
    flight: Flight,
    session: Awaited<ReturnType<ProxyOptions["uploads"]["create"]>>,
  ): Promise<void> {
    await upstream.use(path, async (repository) => {
      const { signal } = this.#ending;
      const body = Readable.from(downloadBlob(repository, digest, { sizeBytes, signal }), { objectMode: true });
      await session.append(body, { onWritten: (written) => flight.progress(written) });
    });
  }
}
