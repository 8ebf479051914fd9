import { Readable } from "node:stream";
import {
  EngineError,
  forbidden,
  invalidParameter,
  messageOf,
  notFound,
  systemError,
  unauthorized,
} from "../../../base/errors.ts";
import { reasonOf } from "../../../oci/distribution/reason.ts";
import { countBytes } from "../progress.ts";
import type { OnProgress } from "../progress.ts";

/** Most bytes of a page that says why something cannot be had. */
const pageBytesMax = 64 * 1024;

/** An archive that is on its way from a web server. */
export interface Fetched {
  url: string;
  stream: Readable;
  /** Bytes; 0 when the server does not say. */
  sizeBytes: number;
}

/**
 * Asks a web server for an archive. Without a scheme it is `http`.
 *
 * @throws EngineError in Docker's words.
 *
 * **Source:** Engine API, ImageCreate with `fromSrc`; what dockerd 28.5 says.
 */
export const fetchArchive = async (source: string, signal: AbortSignal | undefined): Promise<Fetched> => {
  if (source === "") throw systemError('Get "http:": http: no Host in request URL');
  const url = source.includes("://") ? source : `http://${source}`;
  const scheme = url.slice(0, url.indexOf(":"));
  if (scheme !== "http" && scheme !== "https")
    throw systemError(`Get ${JSON.stringify(url)}: unsupported protocol scheme ${JSON.stringify(scheme)}`);
  if (!/:\/\/[^/]/.test(url)) throw systemError(`Get ${JSON.stringify(url)}: http: no Host in request URL`);
  const answer = await ask(url, signal);
  if (answer.status >= 400 || answer.body === null) throw refused(url, answer, await pageOf(answer));
  return {
    url,
    stream: Readable.fromWeb(answer.body),
    sizeBytes: Number(answer.headers.get("content-length") ?? 0) || 0,
  };
};

/** The archive's bytes, with Docker's bars. */
export async function* withBars({ stream, sizeBytes }: Fetched, tell: OnProgress): AsyncGenerator<Buffer> {
  const count = countBytes("", "Importing", sizeBytes, ({ id: _none, ...bar }) => tell(bar));
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}

const ask = async (url: string, signal: AbortSignal | undefined): Promise<Response> => {
  try {
    return await fetch(url, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const { text } = reasonOf(cause);
    const message = `Get ${JSON.stringify(url)}: ${text}`;
    throw text.endsWith("no such host") ? notFound(message, error) : systemError(message, error);
  }
};

const pageOf = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body ?? []) {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > pageBytesMax) break;
    }
  } catch (error) {
    return `error reading body: ${messageOf(error)}`;
  }
  return Buffer.concat(chunks).subarray(0, pageBytesMax).toString().trim();
};

const kinds: Readonly<Record<number, (message: string) => EngineError>> = {
  400: invalidParameter,
  401: unauthorized,
  403: forbidden,
  404: notFound,
};

const refused = (url: string, { status, statusText }: Response, page: string): EngineError =>
  (kinds[status] ?? systemError)(`failed to GET ${url} with status ${status} ${statusText}: ${page}`);
