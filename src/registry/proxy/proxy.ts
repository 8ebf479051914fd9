import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistrySettings } from "../../oci/distribution/endpoint.ts";
import { fetchReferrers } from "../../oci/distribution/referrers.ts";
import { RegistryError } from "../../oci/distribution/registry-error.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import type { Log } from "../../base/logger.ts";
import { messageOf } from "../../base/errors.ts";
import { listTags } from "../content/manifests.ts";
import type { Manifests, StoredManifest } from "../content/manifests.ts";
import type { Blobs } from "../content/blobs.ts";
import { Lru } from "../content/lru.ts";
import { listReferrers } from "../content/referrers.ts";
import type { Uses } from "../content/uses.ts";
import type { RegistryConfig } from "../config/config.ts";
import { fault } from "../fault.ts";
import { sendStored } from "../http/handlers/blob.ts";
import { send, sendJson } from "../http/exchange.ts";
import type { Exchange } from "../http/exchange.ts";
import { linkHeader, takePage } from "../http/page.ts";
import { isRepositoryName } from "../name.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Storage } from "../storage/storage.ts";
import type { Uploads } from "../upload/uploads.ts";
import { Fetches } from "./fetches.ts";
import { isAway, Upstream } from "./upstream.ts";

/** Tags whose last check is remembered. */
const maxTags = 50_000;
const maxNamespaceCharacters = 256;

export interface ProxyOptions {
  config: RegistryConfig;
  settings: RegistrySettings;
  log: Log;
  metrics: Metrics;
  storage: Storage;
  blobs: Blobs;
  manifests: Manifests;
  uploads: Uploads;
  uses: Uses;
}

/** Where a client's repository is: there, and here. */
interface Place {
  upstream: Upstream;
  path: string;
  /** Its name in this registry's storage. */
  stored: string;
}

/**
 * A registry that has what others have: what is asked for is fetched once, given while it comes, and kept. When an
 * upstream is away, what was kept is given.
 */
export class Proxy implements AsyncDisposable {
  readonly #options: ProxyOptions;
  readonly #upstreams: Upstream[];
  readonly #fetches: Fetches;
  readonly #checked = new Lru<string, number>(maxTags);
  readonly #running = new Map<string, Promise<StoredManifest | null>>();

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#upstreams = options.config.upstreams.map((config) => new Upstream(config, options.settings));
    this.#fetches = new Fetches(options);
  }

  /** The manifest of a tag or digest. @throws RegistryFault */
  async manifest(exchange: Exchange, repository: string, reference: string): Promise<StoredManifest | null> {
    const place = this.#place(exchange, repository);
    const { manifests, uses, metrics } = this.#options;
    const digest = isDigest(reference) ? reference : await this.#freshDigest(place, reference);
    const known = digest === null ? null : await manifests.get(place.stored, digest);
    metrics.cache("manifest", known !== null);
    if (known !== null) uses.note(place.stored, known.digest);
    return known ?? this.#once(`${place.stored}@${reference}`, () => this.#refresh(place, reference));
  }

  /** Answers with a blob, from here or while it is fetched. @throws RegistryFault */
  async blob(exchange: Exchange, repository: string, digest: Digest): Promise<void> {
    const place = this.#place(exchange, repository);
    const { blobs, metrics } = this.#options;
    await using stored = await blobs.open(place.stored, digest);
    metrics.cache("blob", stored !== null);
    if (stored !== null) return await sendStored(exchange, digest, stored);
    return translated(place, async () => {
      const head = exchange.request.method === "HEAD";
      await using fetched = await this.#fetches.open({ ...place, digest, head });
      if (fetched === null) throw fault("BLOB_UNKNOWN", { detail: digest });
      if (!("size" in fetched)) return await sendStored(exchange, digest, fetched);
      return send(exchange, 200, {
        "content-type": "application/octet-stream",
        "docker-content-digest": digest,
        "content-length": fetched.size,
      });
    });
  }

  /** Answers with the tags that the upstream has, or those that were kept when it is away. */
  async tags(exchange: Exchange, repository: string, page: { count: number; last: string }): Promise<void> {
    const place = this.#place(exchange, repository);
    const names = await translated(place, async () => {
      try {
        const all = await place.upstream.use(place.path, (opened) => opened.tags());
        return all.filter((tag) => tag > page.last).sort((a, b) => (a < b ? -1 : 1));
      } catch (error) {
        if (!isAway(error)) throw error;
        return listTags(this.#options.storage, place.stored, page.last);
      }
    });
    const taken = await takePage(asAsync(names), page.count);
    const link = linkHeader(`/v2/${repository}/tags/list`, taken, page.count);
    sendJson(exchange, 200, { name: repository, tags: taken.entries }, link);
  }

  /** What the upstream lists as referrers of a manifest, or those that were kept when it is away. */
  async referrers(exchange: Exchange, repository: string, subject: Digest): Promise<Descriptor[]> {
    const place = this.#place(exchange, repository);
    return translated(place, async () => {
      try {
        return await place.upstream.use(place.path, (opened) => fetchReferrers(opened, subject));
      } catch (error) {
        if (!isAway(error)) throw error;
        const all = { artifactType: "", after: "" };
        return (await listReferrers(this.#options, place.stored, subject, all)).entries;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fetches[Symbol.asyncDispose]();
    await Promise.all(this.#upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
  }

  #place({ query }: Exchange, repository: string): Place {
    const namespace = query.get("ns") || undefined;
    const upstream =
      this.#upstreams.find((each) => each.namespace === namespace) ??
      // Clients of a single upstream may call it by its name or not at all.
      (this.#upstreams.length === 1 ? this.#upstreams[0] : undefined);
    if (
      upstream === undefined ||
      (namespace !== undefined && upstream.namespace !== undefined && upstream.namespace !== namespace)
    ) {
      throw fault("NAME_UNKNOWN", {
        message: `no upstream for ${(namespace ?? repository).slice(0, maxNamespaceCharacters)}`,
      });
    }
    const stored = `${upstream.folder}/${repository}`;
    if (!isRepositoryName(stored)) throw fault("NAME_INVALID", { detail: { name: repository } });
    return { upstream, path: repository, stored };
  }

  /** What a tag stands for when that need not be asked; null when it must be. */
  async #freshDigest(place: Place, tag: string): Promise<Digest | null> {
    const checkedAt = this.#checked.get(`${place.stored}:${tag}`);
    const fresh = checkedAt !== undefined && Date.now() - checkedAt < this.#options.config.tagLifetimeMs;
    return fresh || place.upstream.away ? this.#options.manifests.resolve(place.stored, tag) : null;
  }

  #once(key: string, work: () => Promise<StoredManifest | null>): Promise<StoredManifest | null> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  /** Asks the upstream, and keeps what it says. What was kept serves while it is away. */
  async #refresh(place: Place, reference: string): Promise<StoredManifest | null> {
    const { manifests, log } = this.#options;
    try {
      return await this.#fetchManifest(place, reference);
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return null;
      const kept = isAway(error) ? await manifests.get(place.stored, reference) : null;
      if (kept === null) return translated(place, () => Promise.reject(error as Error));
      log("warn", "the upstream is away: what was kept is given", {
        repository: place.stored,
        error: messageOf(error),
      });
      return kept;
    }
  }

  #fetchManifest(place: Place, reference: string): Promise<StoredManifest | null> {
    const { manifests, uses } = this.#options;
    const tag = tagOf(reference);
    return place.upstream.use(place.path, async (repository) => {
      const found = tag === undefined ? undefined : await repository.resolve(tag);
      const known = found === undefined ? null : await manifests.get(place.stored, found.digest);
      const remote = known ?? (await repository.manifest(found?.digest ?? reference));
      const content = {
        bytes: remote.bytes,
        contentType: "",
        digest: remote.digest,
        tags: tag === undefined ? [] : [tag],
      };
      const unchanged =
        known !== null && tag !== undefined && (await manifests.resolve(place.stored, tag)) === known.digest;
      const { digest } = unchanged ? known : await manifests.put(place.stored, content);
      uses.note(place.stored, digest);
      if (tag !== undefined) this.#checked.set(`${place.stored}:${tag}`, Date.now());
      return manifests.get(place.stored, digest);
    });
  }
}

const tagOf = (reference: string): string | undefined => (reference.includes(":") ? undefined : reference);

async function* asAsync(names: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string, void, void> {
  yield* names;
}

/** Runs `work`; what an upstream refuses or fails at becomes this registry's answer. @throws RegistryFault */
const translated = async <T>(place: Place, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RegistryError) {
      if (error.status === 404) throw fault("NAME_UNKNOWN", { message: error.message, cause: error });
      if (error.status === 429) throw fault("TOOMANYREQUESTS", { message: error.message, cause: error });
      throw fault("DENIED", { message: `the upstream refuses: ${error.message}`, cause: error });
    }
    if (!isAway(error)) throw error;
    throw fault("UNAVAILABLE", { message: `the upstream of ${place.stored} is away`, cause: error });
  }
};
