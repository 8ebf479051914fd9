import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";

/**
 * Writes everything of a source into a sink, as fast as the sink takes it, and ends the sink. A sink that was closed by
 * its other side ends it quietly: what the reader made of it is the reader's to tell.
 *
 * @throws what the source throws, or the reason of the abort; the sink is destroyed then.
 */
export const pump = async (
  source: AsyncIterable<Buffer>,
  sink: Writable,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((bytes: number) => void) | undefined } = {},
): Promise<void> => {
  const closed = finished(sink, { readable: false }).then(
    () => null,
    (error: unknown) => error ?? null,
  );
  try {
    let bytes = 0;
    for await (const chunk of source) {
      signal?.throwIfAborted();
      if (sink.destroyed) return;
      if (!sink.write(chunk)) await drained(sink, closed);
      bytes += chunk.length;
      onProgress?.(bytes);
    }
    signal?.throwIfAborted();
  } catch (error) {
    sink.destroy();
    throw error;
  }
  sink.end();
  await closed;
};

const drained = async (sink: Writable, closed: Promise<unknown>): Promise<void> => {
  if (sink.destroyed || !sink.writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.once("drain", resolve);
  await Promise.race([promise, closed]);
  sink.off("drain", resolve);
};
