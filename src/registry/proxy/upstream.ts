import { setTimeout as sleep } from "node:timers/promises";
import { readCertificates } from "../../oci/distribution/certificates.ts";
import { isInsecure } from "../../oci/distribution/endpoint.ts";
import type { Endpoint, RegistrySettings } from "../../oci/distribution/endpoint.ts";
import { TransportError, UnexpectedAnswerError } from "../../oci/distribution/registry-error.ts";
import { Repository } from "../../oci/distribution/repository.ts";
import type { RetryPolicy } from "../../oci/distribution/retry.ts";
import type { UpstreamConfig } from "../config/config.ts";

/** Repositories whose connections and tokens are kept. */
const maxOpen = 256;
const retryPolicy: RetryPolicy = { attempts: 3, firstDelayMs: 200, maxDelayMs: 2_000 };
/** An upstream that could not be reached is not asked again for so long, when there is something to give instead. */
const awayMs = 5_000;
const userAgent = "berth-registry";

interface Open {
  repository: Promise<Repository>;
  users: number;
}

/** True for a failure of the upstream or the way there, as opposed to its answer. */
export const isAway = (error: unknown): boolean =>
  error instanceof TransportError || (error instanceof UnexpectedAnswerError && error.status >= 500);

/** One registry behind a cache. */
export class Upstream implements AsyncDisposable {
  readonly namespace: string | undefined;
  /** Part of the names under which its content is kept: `registry.example_5000`. */
  readonly folder: string;
  readonly #config: UpstreamConfig;
  readonly #settings: RegistrySettings;
  readonly #open = new Map<string, Open>();
  #awayUntil = 0;

  constructor(config: UpstreamConfig, settings: RegistrySettings) {
    this.#config = config;
    this.#settings = settings;
    this.namespace = config.namespace;
    this.folder = (config.namespace ?? new URL(config.url).host).toLowerCase().replaceAll(/[^a-z0-9.-]+/g, "_");
  }

  /** True when it could not be reached a moment ago. */
  get away(): boolean {
    return Date.now() < this.#awayUntil;
  }

  /** Runs `work` with a repository of it. @throws what `Repository` does */
  async use<T>(path: string, work: (repository: Repository) => Promise<T>): Promise<T> {
    const open = this.#take(path);
    open.users++;
    try {
      return await work(await open.repository);
    } catch (error) {
      if (error instanceof TransportError) {
        this.#awayUntil = Date.now() + awayMs;
        // Met anew next time: it may want another authorization by then.
        if (this.#open.get(path) === open) this.#open.delete(path);
      }
      throw error;
    } finally {
      open.users--;
      if (open.users === 0 && this.#open.get(path) !== open) void close(open);
    }
  }

  #take(path: string): Open {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const [oldest] = this.#open;
    if (this.#open.size >= maxOpen && oldest !== undefined) {
      this.#open.delete(oldest[0]);
      if (oldest[1].users === 0) void close(oldest[1]);
    }
    const open: Open = { repository: this.#connect(path), users: 0 };
    open.repository.catch(() => undefined);
    this.#open.set(path, open);
    return open;
  }

  async #connect(path: string): Promise<Repository> {
    const { url, username, password } = this.#config;
    const { protocol, host, pathname } = new URL(url);
    const endpoint: Endpoint = {
      scheme: protocol === "http:" ? "http" : "https",
      host,
      prefix: pathname.replace(/\/+$/, ""),
      insecure: await isInsecure(host, this.#settings.insecureRegistries),
      mirror: false,
      certificates: await readCertificates(this.#settings.certificatesDirectory, host),
    };
    const auth = username === undefined ? undefined : { username, password: password ?? "" };
    return Repository.at(endpoint, path, { settings: this.#settings, userAgent, auth, retry: retryPolicy });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.race([Promise.all(all.map(close)), sleep(1_000)]);
  }
}

const close = async (open: Open): Promise<void> => {
  try {
    (await open.repository)[Symbol.dispose]();
  } catch {
    // It was never opened.
  }
};
