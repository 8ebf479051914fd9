import { Socket } from "node:net";
import { Readable } from "node:stream";
import { feedStream } from "../../../oci/archive/feed.ts";
import { detectCompression, magicBytes } from "../../../oci/archive/format.ts";
import { peek } from "../../../oci/archive/peek.ts";

/**
 * Hands an archive's bytes, uncompressed, to `read`, and waits for the end of both sides.
 *
 * @throws CompressionError when the data is damaged; what the source failed with; what `read` throws.
 */
export const withPlain = async <T>(
  source: Readable,
  signal: AbortSignal | undefined,
  read: (plain: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> => {
  const { start, all } = await peek(source, magicBytes);
  // What is not compressed goes through no program and no pipe.
  if (detectCompression(start) === "identity") {
    const failed: { reason?: unknown } = {};
    try {
      return await read(watched(all, failed));
    } catch (error) {
      throw failed.reason ?? error;
    }
  }
  const feed = await feedStream(Readable.from(all, { objectMode: false }), { signal });
  // Failures on the feeding side are awaited below; until then they are nobody's.
  feed.finished.catch(() => undefined);
  const plain = new Socket({ fd: feed.fd, readable: true, writable: false });
  try {
    const result = await read(plain as AsyncIterable<Buffer>);
    await feed.finished;
    return result;
  } catch (error) {
    feed.cancel();
    const [fed] = await Promise.allSettled([feed.finished]);
    signal?.throwIfAborted();
    throw fed.status === "rejected" ? fed.reason : error;
  } finally {
    plain.destroy();
  }
};

/** Notes why the source failed: who reads of it may have gone on to complain of what is missing. */
async function* watched(all: AsyncIterable<Buffer>, failed: { reason?: unknown }): AsyncGenerator<Buffer> {
  try {
    yield* all;
  } catch (error) {
    failed.reason = error;
    throw error;
  }
}
