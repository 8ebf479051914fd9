// A server that speaks as much of S3 as a registry needs, on loopback, in memory: real HTTP for the AWS SDK to talk to.
// It is stricter than most: parts below 5 MiB are refused, keys are flat, lists are in the order of UTF-8 bytes.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface StoredObject {
  bytes: Buffer;
  modified: Date;
}

const minPartBytes = 5 * 1024 * 1024;
const maxListKeys = 1000;
const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const etagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

export class S3Server implements AsyncDisposable {
  /** Keys with a leading bucket: `bucket/key`. */
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Map<number, Buffer>>();
  readonly requests: string[] = [];
  /** How many of the next requests are answered with 503. */
  failing = 0;
  /** Entries of one page of a list. */
  pageKeys = maxListKeys;
  #uploads = 0;
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response);
  });

  /** @returns its URL */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://s3");
    const key = decodeURIComponent(url.pathname.slice(1));
    this.requests.push(`${request.method} ${key}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (!(request.headers.authorization ?? "").startsWith("AWS4-HMAC-SHA256 Credential=")) {
      return this.#fail(response, 403, "AccessDenied");
    }
    if (this.failing > 0) {
      this.failing--;
      return this.#fail(response, 503, "SlowDown");
    }
    const query = url.searchParams;
    if (request.method === "POST" && query.has("delete")) return this.#deleteMany(response, key, body.toString());
    if (query.has("list-type")) return this.#list(response, key.replace(/\/$/, ""), query);
    if (query.has("uploads")) return this.#begin(response);
    const upload = query.get("uploadId");
    if (upload !== null) return this.#multipart(request, response, key, upload, query, body);
    switch (request.method) {
      case "PUT":
        this.objects.set(key, { bytes: body, modified: new Date() });
        response.writeHead(200, { etag: etagOf(body) }).end();
        return undefined;
      case "GET":
      case "HEAD":
        return this.#get(request, response, key);
      case "DELETE":
        this.objects.delete(key);
        response.writeHead(204).end();
        return undefined;
      default:
        return this.#fail(response, 405, "MethodNotAllowed");
    }
  }

  #fail(response: ServerResponse, status: number, code: string): void {
    const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
    response.writeHead(status, { "content-type": "application/xml" }).end(text);
  }

  #xml(response: ServerResponse, text: string): void {
    response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0"?>${text}`);
  }

  #get(request: IncomingMessage, response: ServerResponse, key: string): void {
    const found = this.objects.get(key);
    if (found === undefined) return this.#fail(response, 404, "NoSuchKey");
    const { bytes, modified } = found;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const headers = { etag: etagOf(bytes), "last-modified": modified.toUTCString() };
    const part = range === null ? bytes : bytes.subarray(Number(range[1]), Number(range[2]) + 1);
    response.writeHead(range === null ? 200 : 206, {
      ...headers,
      "content-length": part.length,
      ...(range === null ? {} : { "content-range": `bytes ${range[1]}-${range[2]}/${bytes.length}` }),
    });
    response.end(request.method === "HEAD" ? undefined : part);
  }

  #list(response: ServerResponse, bucket: string, query: URLSearchParams): void {
    const prefix = `${bucket}/${query.get("prefix") ?? ""}`;
    const delimiter = query.get("delimiter") ?? "";
    const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
    const most = Math.min(Number(query.get("max-keys") ?? maxListKeys), this.pageKeys);
    const entries = new Set<string>();
    for (const key of this.objects.keys()) {
      if (!key.startsWith(prefix)) continue;
      const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
      entries.add(key.slice(bucket.length + 1, cut < 0 ? undefined : cut + 1));
    }
    const sorted = [...entries]
      .filter((key) => key > after)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const page = sorted.slice(0, most);
    const truncated = sorted.length > page.length;
    const rows = page.map((key) =>
      delimiter !== "" && key.endsWith(delimiter)
        ? `<CommonPrefixes><Prefix>${escape(key)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${escape(key)}</Key><Size>${this.objects.get(`${bucket}/${key}`)?.bytes.length}</Size></Contents>`,
    );
    const token = truncated ? `<NextContinuationToken>${escape(page.at(-1) ?? "")}</NextContinuationToken>` : "";
    const head = `<Name>${bucket}</Name><IsTruncated>${truncated}</IsTruncated>${token}`;
    this.#xml(response, `<ListBucketResult>${head}${rows.join("")}</ListBucketResult>`);
  }

  #deleteMany(response: ServerResponse, bucket: string, body: string): void {
    for (const [, key = ""] of body.matchAll(/<Key>([^<]+)<\/Key>/g)) {
      this.objects.delete(`${bucket.replace(/\/$/, "")}/${key}`);
    }
    this.#xml(response, "<DeleteResult></DeleteResult>");
  }

  #begin(response: ServerResponse): void {
    const id = `upload-${++this.#uploads}`;
    this.uploads.set(id, new Map());
    this.#xml(response, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #multipart(
    request: IncomingMessage,
    response: ServerResponse,
    key: string,
    id: string,
    query: URLSearchParams,
    body: Buffer,
  ): void {
    const parts = this.uploads.get(id);
    if (parts === undefined) return this.#fail(response, 404, "NoSuchUpload");
    if (request.method === "PUT") {
      parts.set(Number(query.get("partNumber")), body);
      response.writeHead(200, { etag: etagOf(body) }).end();
      return undefined;
    }
    this.uploads.delete(id);
    if (request.method === "DELETE") {
      response.writeHead(204).end();
      return undefined;
    }
    const sorted = [...parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes);
    if (sorted.slice(0, -1).some((bytes) => bytes.length < minPartBytes)) {
      return this.#fail(response, 400, "EntityTooSmall");
    }
    const bytes = Buffer.concat(sorted);
    this.objects.set(key, { bytes, modified: new Date() });
    this.#xml(response, `<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>`);
    return undefined;
  }
}
