import type { Readable } from "node:stream";
import { isDigest, sha256 } from "../digest.ts";
import type { Digest } from "../digest.ts";
import { manifestAccept } from "../media-type.ts";
import type { ClientOptions, RegistryClient } from "./client.ts";
import { mirrorEndpoints, originEndpoints } from "./endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryHost } from "./host.ts";
import { maxManifestBytes } from "./manifest.ts";
import type { MirrorHealth } from "./mirror.ts";
import { ContentError, CredentialsError, RegistryError, TransportError } from "./registry-error.ts";
import { nextPage } from "./next-page.ts";
import { defaultRetry } from "./retry.ts";
import type { RetryPolicy } from "./retry.ts";
import { readBody } from "./transport.ts";
import type { RegistryAnswer, RegistryRequest } from "./transport.ts";

const maxTagPageBytes = 4 * 1024 * 1024;
const maxTagPages = 1000;
const maxTags = 100_000;
/** Of all pages together: that many tags of the greatest length. */
const maxTagBytes = 16 * 1024 * 1024;

export interface RemoteDescriptor {
  digest: Digest;
  mediaType: string;
  size: number;
}

/** A manifest or index as the registry gave it, byte for byte, its digest checked. */
export interface RemoteManifest {
  bytes: Buffer;
  digest: Digest;
  mediaType: string;
}

/** A repository's place: the domain decides whom to ask, the path names it there. */
export interface RepositoryName {
  domain: string;
  path: string;
}

/** Bytes of a blob on their way. */
export interface BlobAnswer {
  body: Readable;
  /** Where in the blob they start. */
  offset: number;
  /** Of the whole blob. */
  size: number | undefined;
  /** True when the server gave the part that was asked for. */
  isPart: boolean;
  /** Tells that the body broke off: when a mirror gave it, the others are asked before that from now on. */
  broke: () => void;
}

/**
 * One repository, for reading: of its mirrors and of its registry, whichever has what is asked for, request by request.
 * `upload.ts` writes, to the registry alone.
 */
export class Repository implements Disposable {
  readonly name: RepositoryName;
  readonly retry: RetryPolicy;
  readonly #hosts: readonly RegistryHost[];
  readonly #health: MirrorHealth | undefined;
  /** Mirrors that broke off in the middle of a blob. */
  readonly #broken = new Set<RegistryHost>();
  readonly #signal: AbortSignal | undefined;
  #current: RegistryClient | undefined;
  #usedMirror = false;

  private constructor(name: RepositoryName, hosts: readonly RegistryHost[], options: ClientOptions) {
    this.name = name;
    this.retry = options.retry ?? defaultRetry;
    this.#hosts = hosts;
    this.#health = options.settings.mirrorHealth;
    this.#signal = options.signal;
  }

  /**
   * Opens a repository and meets the first of its hosts that answers.
   *
   * @param actions what is to be done there: `pull`, which asks mirrors too, or `pull,push`
   * @throws TransportError of the registry when nothing answers; Error when certificates are not in order.
   */
  static async open(
    name: RepositoryName,
    actions: "pull" | "pull,push",
    options: ClientOptions,
    mirrors = actions === "pull",
  ): Promise<Repository> {
    const { settings } = options;
    const scopes = [`repository:${name.path}:${actions}`, ...(options.scopes ?? [])];
    const ways = [
      ...(mirrors ? await mirrorEndpoints(name.domain, settings) : []).map((endpoint) => [endpoint]),
      await originEndpoints(name.domain, settings),
    ];
    const hosts = ways.map((endpoints) => new RegistryHost(endpoints, options, scopes));
    return Repository.#meet(new Repository(name, hosts, options));
  }

  /** Opens a repository of one host for reading, whatever the usual places of its domain are. @throws like `open` */
  static async at(endpoint: Endpoint, path: string, options: ClientOptions): Promise<Repository> {
    const host = new RegistryHost([endpoint], options, [`repository:${path}:pull`]);
    return Repository.#meet(new Repository({ domain: endpoint.host, path }, [host], options));
  }

  static async #meet(repository: Repository): Promise<Repository> {
    try {
      await repository.#each(async () => true);
      return repository;
    } catch (error) {
      repository[Symbol.dispose]();
      throw error;
    }
  }

  /** The host that answered last; the registry itself when it was opened for pushing. */
  get client(): RegistryClient {
    if (this.#current === undefined) throw new Error("the repository is not open");
    return this.#current;
  }

  get path(): string {
    return this.name.path;
  }

  /** Where content of this repository was seen, for records: `docker.io/library/busybox`, whichever host gave it. */
  get place(): string {
    return `${this.name.domain}/${this.name.path}`;
  }

  /** Whether a mirror gave anything. */
  get usedMirror(): boolean {
    return this.#usedMirror;
  }

  url(suffix: string): URL {
    return urlAt(this.client, this.path, suffix);
  }

  /**
   * Asks one host after another: a mirror that fails or lacks something only passes the question on. Mirrors that broke
   * off are asked again only when the registry itself does not answer.
   *
   * @throws what the registry itself threw.
   */
  async #each<T>(ask: (client: RegistryClient, host: RegistryHost) => Promise<T>): Promise<T> {
    let last: unknown = new Error(`no endpoints found for ${this.place}`);
    const broken = this.#hosts.filter((host) => this.#broken.has(host));
    for (const host of [...this.#hosts.filter((each) => !broken.includes(each)), ...broken]) {
      const isAgain = broken.includes(host);
      if (isAgain && !(last instanceof TransportError)) break;
      if (host.mirror && !isAgain && this.#health?.isDown(host.key)) continue;
      try {
        const client = await host.client();
        this.#current = client;
        const answer = await ask(client, host);
        if (host.mirror) {
          this.#usedMirror = true;
          this.#health?.answered(host.key);
        }
        return answer;
      } catch (error) {
        if (this.#signal?.aborted) throw error;
        if (!isAgain) last = error;
        const lacks = (error instanceof RegistryError && error.status !== 429) || error instanceof CredentialsError;
        if (host.mirror && !lacks) this.#health?.failed(host.key);
      }
    }
    throw last;
  }

  /** All tags, in the registry's order. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    return this.#each((client) => this.#tags(client, signal));
  }

  async #tags(client: RegistryClient, signal: AbortSignal | undefined): Promise<string[]> {
    const tags: string[] = [];
    let bytes = 0;
    let url: URL | undefined = urlAt(client, this.path, "tags/list");
    for (let page = 0; url !== undefined; page++) {
      const answer: RegistryAnswer = await client.send({ method: "GET", url, signal });
      const text = (await readBody(answer, maxTagPageBytes)).toString("utf8");
      bytes += text.length;
      const found = tagsIn(text);
      if (Array.isArray(found)) tags.push(...found.filter((tag) => typeof tag === "string"));
      if (tags.length > maxTags || bytes > maxTagBytes || page > maxTagPages)
        throw new ContentError(`more tags than ${maxTags}`);
      url = nextPage(answer, url);
    }
    return tags;
  }

  /**
   * What a tag stands for now, without its bytes; undefined when the registry does not say its digest.
   *
   * @throws RegistryError `MANIFEST_UNKNOWN` and others: a HEAD has no body, so the words come from a GET.
   */
  async resolve(tag: string, signal?: AbortSignal): Promise<RemoteDescriptor | undefined> {
    return this.#each((client) => this.#resolve(client, tag, signal));
  }

  async #resolve(
    client: RegistryClient,
    tag: string,
    signal: AbortSignal | undefined,
  ): Promise<RemoteDescriptor | undefined> {
    const url = urlAt(client, this.path, `manifests/${tag}`);
    const refused = client.endpoint.mirror ? [] : [400, 403, 404, 405];
    const headers = { accept: [...manifestAccept] };
    const answer = await client.send({ method: "HEAD", url, headers, signal }, refused);
    if (answer.status >= 400) return undefined;
    const digest = String(answer.headers["docker-content-digest"] ?? "");
    if (!isDigest(digest)) return undefined;
    return {
      digest,
      mediaType: String(answer.headers["content-type"] ?? ""),
      size: Number(answer.headers["content-length"] ?? 0),
    };
  }

  /**
   * Fetches a manifest or index by tag or digest.
   *
   * @throws ContentError when the bytes are not those of the digest that was asked for or announced.
   */
  async manifest(tagOrDigest: string, signal?: AbortSignal): Promise<RemoteManifest> {
    return this.#each((client) => this.#manifest(client, tagOrDigest, signal));
  }

  async #manifest(
    client: RegistryClient,
    tagOrDigest: string,
    signal: AbortSignal | undefined,
  ): Promise<RemoteManifest> {
    const url = urlAt(client, this.path, `manifests/${tagOrDigest}`);
    const answer = await client.send({ method: "GET", url, headers: { accept: [...manifestAccept] }, signal });
    const bytes = await readBody(answer, maxManifestBytes);
    const digest = sha256(bytes);
    const announced = answer.headers["docker-content-digest"];
    const wanted = isDigest(tagOrDigest) ? tagOrDigest : announced;
    if (typeof wanted === "string" && wanted.startsWith("sha256:") && wanted !== digest)
      throw new ContentError(`manifest verification failed for digest ${wanted}`);
    if (isDigest(tagOrDigest) && !tagOrDigest.startsWith("sha256:"))
      throw new ContentError(`unsupported digest algorithm: ${tagOrDigest}`);
    return { bytes, digest, mediaType: String(answer.headers["content-type"] ?? "") };
  }

  /** Whether the registry has a blob in this repository, and its size. */
  async statBlob(digest: Digest, signal?: AbortSignal): Promise<number | undefined> {
    return this.#each(async (client) => {
      const url = urlAt(client, this.path, `blobs/${digest}`);
      const answer = await client.send({ method: "HEAD", url, signal }, client.endpoint.mirror ? [] : [404]);
      return answer.status === 404 ? undefined : Number(answer.headers["content-length"] ?? 0);
    });
  }

  /**
   * One answer with a blob's bytes, from `offset` on, up to `end` (exclusive) where the server has ranges. `offset` in
   * the result is where the bytes start: 0 when the server ignored the range. `size` is that of the whole blob, when it
   * was said.
   */
  async blob(digest: Digest, options: BlobOptions = {}): Promise<BlobAnswer> {
    return this.#each(async (client, host) => {
      const url = urlAt(client, this.path, `blobs/${digest}`);
      const answer = await askForPart((request) => client.send(request), url, options);
      return host.mirror ? { ...answer, broke: () => this.#broke(host) } : answer;
    });
  }

  #broke(host: RegistryHost): void {
    this.#broken.add(host);
    this.#health?.failed(host.key);
  }

  /**
   * The same from another place that has the content, as the manifest of a foreign layer names it. Nothing of ours goes
   * there: no credentials, even when it is this registry itself.
   *
   * @throws ContentError for what is no address of the web.
   */
  async foreignBlob(address: string, options: BlobOptions = {}): Promise<BlobAnswer> {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
      throw new ContentError(`a layer cannot be fetched from ${JSON.stringify(address)}`);
    const { client } = this;
    return askForPart((request) => client.sendElsewhere(request), url, options);
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts) host[Symbol.dispose]();
  }
}

const tagsIn = (text: string): unknown => {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as { tags?: unknown }).tags : undefined;
  } catch (error) {
    throw new ContentError("the list of tags is not JSON", { cause: error });
  }
};

/** Which part of a blob is asked for. */
export interface BlobOptions {
  offset?: number;
  end?: number | undefined;
  signal?: AbortSignal | undefined;
}

const nothing = (): void => undefined;

const askForPart = async (
  send: (request: RegistryRequest) => Promise<RegistryAnswer>,
  url: URL,
  { offset = 0, end, signal }: BlobOptions,
): Promise<BlobAnswer> => {
  const isPart = offset > 0 || end !== undefined;
  const headers: Record<string, string> = isPart
    ? { range: `bytes=${offset}-${end === undefined ? "" : end - 1}` }
    : {};
  const answer = await send({ method: "GET", url, headers, signal });
  const length = answer.headers["content-length"];
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(answer.headers["content-range"] ?? ""));
  if (answer.status === 206 && range !== null && Number(range[1]) === offset) {
    const size = range[2] === "*" ? undefined : Number(range[2]);
    return { body: answer.body, offset, size, isPart: true, broke: nothing };
  }
  const whole = length === undefined ? undefined : Number(length);
  return { body: answer.body, offset: 0, size: whole, isPart: false, broke: nothing };
};

/** The URL of something in a repository at one host; a mirror of several registries is told whose is meant. */
const urlAt = (client: RegistryClient, path: string, suffix: string): URL => {
  const url = new URL(`${path}/${suffix}`, client.base);
  const { ns } = client.endpoint;
  if (ns !== undefined) url.searchParams.set("ns", ns);
  return url;
};
