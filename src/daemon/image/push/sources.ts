import type { Readable } from "node:stream";
import { gzipBuiltin } from "../../../oci/archive/compress.ts";
import type { Compressor } from "../../../oci/archive/compress.ts";
import type { BlobSource } from "../../../oci/distribution/upload-send.ts";
import type { ImageContext } from "../context.ts";

/** The bytes of a stream from `offset` on. */
async function* skipping(chunks: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer> {
  let left = offset;
  for await (const chunk of chunks) {
    const fresh = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - fresh.length;
    if (fresh.length > 0) yield fresh;
  }
}

async function* counted(chunks: Readable, onProgress: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    onProgress((bytes += chunk.length));
    yield chunk;
  }
}

/** A layer's archive, compressed: made again from its start when an upload goes on in its middle. */
export const compressedSource = (
  context: ImageContext,
  chainId: string,
  { argv }: Compressor,
  onProgress: (bytes: number) => void,
): BlobSource => ({
  open: (offset) =>
    skipping(
      argv === null
        ? gzipBuiltin(context.layers.tar(chainId))
        : context.layers.compressedTar(chainId, argv, onProgress),
      offset,
    ),
});

/** A layer's archive as it is. */
export const tarSource = (context: ImageContext, chainId: string, onProgress: (bytes: number) => void): BlobSource => ({
  sizeBytes: context.layers.get(chainId)?.tarBytes,
  open: (offset) => skipping(counted(context.layers.tar(chainId), onProgress), offset),
});

/** A blob that is kept. */
export const keptSource = (context: ImageContext, digest: string): BlobSource => ({
  sizeBytes: context.blobs.size(digest),
  open: (offset) => skipping(context.blobs.open(digest) as AsyncIterable<Buffer>, offset),
});

/** The same source, telling how far it is read. */
export const watched = (source: BlobSource, onProgress: (bytes: number) => void): BlobSource => ({
  ...source,
  open: (offset) => watch(source.open(offset), offset, onProgress),
});

async function* watch(
  chunks: AsyncIterable<Buffer>,
  offset: number,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let bytes = offset;
  for await (const chunk of chunks) {
    onProgress((bytes += chunk.length));
    yield chunk;
  }
}
