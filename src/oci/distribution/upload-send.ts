import type { RegistryClient } from "./client.ts";
import { nextLocation } from "./upload-session.ts";
import type { UploadSession } from "./upload-session.ts";

/** Bytes to send, that can be had again from any place on when a connection breaks. */
export interface BlobSource {
  /** The bytes from `offset` on; the same ones each time. */
  open(offset: number): AsyncIterable<Buffer>;
  /** How many there are, when that is known beforehand. */
  sizeBytes?: number | undefined;
}

/** The bytes to send could not be had: `cause` says why. The registry is not to blame. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "SourceError";
  }
}

/** Hears of each piece before it is sent, with its place in the blob. */
export interface SentBytes {
  take(chunk: Uint8Array, offset: number): void;
}

interface SendOptions {
  chunkBytes: number;
  signal: AbortSignal | undefined;
  /** Hears of each place that the registry has agreed to. */
  onSession: (session: UploadSession) => void;
}

const type = { "content-type": "application/octet-stream" };

/** Sends what is left of a blob in one request. */
export const sendWhole = async (
  client: RegistryClient,
  session: UploadSession,
  source: BlobSource,
  hash: SentBytes,
  { signal }: SendOptions,
): Promise<UploadSession> => {
  let { offset } = session;
  const { sizeBytes } = source;
  let failure: SourceError | undefined;
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of checked(source.open(session.offset), (error) => (failure = error))) {
      hash.take(piece, offset);
      offset += piece.length;
      yield piece;
    }
  };
  const length: Record<string, string> =
    sizeBytes === undefined ? {} : { "content-length": String(sizeBytes - session.offset) };
  // A registry is told the place only when the upload goes on: some refuse a range whose end is not known.
  const headers = { ...type, ...length };
  const request = { method: "PATCH" as const, url: session.location, headers, body: pieces(), signal };
  const answer = await client.send(request).catch((error: unknown) => {
    throw failure ?? error;
  });
  return { ...session, location: nextLocation(answer, session.location), offset };
};

/** Sends what is left of a blob in requests of `chunkBytes`, each with its range. */
export const sendChunks = async (
  client: RegistryClient,
  session: UploadSession,
  source: BlobSource,
  hash: SentBytes,
  { chunkBytes, signal, onSession }: SendOptions,
): Promise<UploadSession> => {
  let current = session;
  for await (const chunk of inChunks(checked(source.open(session.offset)), chunkBytes)) {
    hash.take(chunk, current.offset);
    const headers = {
      ...type,
      "content-length": String(chunk.length),
      "content-range": `${current.offset}-${current.offset + chunk.length - 1}`,
    };
    const answer = await client.send({ method: "PATCH", url: current.location, headers, body: oneOf(chunk), signal });
    current = { ...current, location: nextLocation(answer, current.location), offset: current.offset + chunk.length };
    onSession(current);
  }
  return current;
};

async function* checked(
  pieces: AsyncIterable<Buffer>,
  onFailure: (error: SourceError) => void = () => undefined,
): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    const failure = new SourceError(error);
    onFailure(failure);
    throw failure;
  }
}

/** As a stream, so that the request is sent once: whether it arrived is asked, not guessed. */
async function* oneOf(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}

async function* inChunks(pieces: AsyncIterable<Buffer>, chunkBytes: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (let piece of pieces) {
    while (bytes + piece.length >= chunkBytes) {
      const part = piece.subarray(0, chunkBytes - bytes);
      yield Buffer.concat([...held, part]);
      [held, bytes] = [[], 0];
      piece = piece.subarray(part.length);
    }
    if (piece.length === 0) continue;
    held.push(piece);
    bytes += piece.length;
  }
  if (bytes > 0) yield Buffer.concat(held);
}
