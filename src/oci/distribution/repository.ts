import type { Readable } from "node:stream";
import type { RegistryAnswer } from "./transport.ts";
import { isDigest, sha256 } from "../digest.ts";
import type { Digest } from "../digest.ts";
import { manifestAccept } from "../media-type.ts";
import { RegistryClient } from "./client.ts";
import type { ClientOptions } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { maxManifestBytes } from "./manifest.ts";
import { ContentError } from "./registry-error.ts";
import { readBody } from "./transport.ts";

const maxTagPageBytes = 4 * 1024 * 1024;
const maxTagPages = 1000;
const maxTags = 100_000;

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

/** Bytes of a blob on their way. */
export interface BlobAnswer {
  body: Readable;
  /** Where in the blob they start. */
  offset: number;
  /** Of the whole blob. */
  size: number | undefined;
  /** True when the server gave the part that was asked for. */
  isPart: boolean;
}

/** One repository of a registry, for reading; `upload.ts` writes. */
export class Repository implements Disposable {
  readonly client: RegistryClient;
  readonly path: string;

  private constructor(client: RegistryClient, path: string) {
    this.client = client;
    this.path = path;
  }

  /**
   * @param path the name without the domain, `library/busybox`
   * @param actions what is to be done there, `pull` or `pull,push`
   * @throws TransportError when the endpoint does not answer.
   */
  static async open(endpoint: Endpoint, path: string, actions: string, options: ClientOptions): Promise<Repository> {
    const client = await RegistryClient.open(endpoint, options, [
      `repository:${path}:${actions}`,
      ...(options.scopes ?? []),
    ]);
    return new Repository(client, path);
  }

  url(suffix: string): URL {
    return new URL(`${this.path}/${suffix}`, this.client.base);
  }

  /** All tags, in the registry's order. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let url: URL | undefined = this.url("tags/list");
    for (let page = 0; url !== undefined; page++) {
      const answer: RegistryAnswer = await this.client.send({ method: "GET", url, signal });
      const body: unknown = JSON.parse((await readBody(answer, maxTagPageBytes)).toString("utf8"));
      const found: unknown = typeof body === "object" && body !== null ? (body as { tags?: unknown }).tags : undefined;
      if (Array.isArray(found)) tags.push(...found.filter((tag) => typeof tag === "string"));
      if (tags.length > maxTags || page > maxTagPages) throw new ContentError(`more tags than ${maxTags}`);
      const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers["link"] ?? ""))?.[1];
      url = link === undefined ? undefined : new URL(link, url);
    }
    return tags;
  }

  /**
   * What a tag stands for now, without its bytes; undefined when the registry does not say its digest.
   *
   * @throws RegistryError `MANIFEST_UNKNOWN` and others: a HEAD has no body, so the words come from a GET.
   */
  async resolve(tag: string, signal?: AbortSignal): Promise<RemoteDescriptor | undefined> {
    const url = this.url(`manifests/${tag}`);
    const refused = [400, 403, 404, 405];
    const headers = { accept: [...manifestAccept] };
    const answer = await this.client.send({ method: "HEAD", url, headers, signal }, refused);
    answer.body.resume();
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
    const url = this.url(`manifests/${tagOrDigest}`);
    const answer = await this.client.send({ method: "GET", url, headers: { accept: [...manifestAccept] }, signal });
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
    const answer = await this.client.send({ method: "HEAD", url: this.url(`blobs/${digest}`), signal }, [404]);
    answer.body.resume();
    return answer.status === 404 ? undefined : Number(answer.headers["content-length"] ?? 0);
  }

  /**
   * One answer with a blob's bytes, from `offset` on, up to `end` (exclusive) where the server has ranges. `offset` in
   * the result is where the bytes start: 0 when the server ignored the range. `size` is that of the whole blob, when it
   * was said.
   */
  async blob(
    digest: Digest,
    options: { offset?: number; end?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<BlobAnswer> {
    return this.#part(this.url(`blobs/${digest}`), options);
  }

  /**
   * The same from another place that has the content, as the manifest of a foreign layer names it. Nothing of ours goes
   * there: no credentials, unless it is this registry itself.
   *
   * @throws ContentError for what is no address of the web.
   */
  async foreignBlob(
    address: string,
    options: { offset?: number; end?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<BlobAnswer> {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
      throw new ContentError(`a layer cannot be fetched from ${JSON.stringify(address)}`);
    return this.#part(url, options);
  }

  async #part(
    url: URL,
    { offset = 0, end, signal }: { offset?: number; end?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<BlobAnswer> {
    const isPart = offset > 0 || end !== undefined;
    const headers: Record<string, string> = isPart
      ? { range: `bytes=${offset}-${end === undefined ? "" : end - 1}` }
      : {};
    const answer = await this.client.send({ method: "GET", url, headers, signal });
    const length = answer.headers["content-length"];
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(answer.headers["content-range"] ?? ""));
    if (answer.status === 206 && range !== null && Number(range[1]) === offset) {
      const size = range[2] === "*" ? undefined : Number(range[2]);
      return { body: answer.body, offset, size, isPart: true };
    }
    return { body: answer.body, offset: 0, size: length === undefined ? undefined : Number(length), isPart: false };
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}
