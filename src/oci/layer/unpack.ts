import { openDirectory } from "../../linux/file/open.ts";
import type { Digest } from "../digest.ts";
import type { HashingBlocks } from "./digest/blocks.ts";
import { Extractor } from "./extract/extract.ts";
import type { ExtractOptions } from "./extract/extract.ts";
import { Tree } from "./extract/tree.ts";
import { JournalObserver } from "./journal/observer.ts";
import type { JournalPlace } from "./journal/rebuild.ts";
import { JournalWriter } from "./journal/writer.ts";
import { TarReader } from "./tar/reader.ts";
import { ByteSource } from "./tar/source.ts";
import type { Fill } from "./tar/source.ts";

/** Most bytes of one uncompressed layer: beyond any real one, below what a bomb needs. */
export const layerBytesMax = 512 * 2 ** 30;

export interface Unpacked {
  /** Digest of the whole archive. */
  diffId: Digest;
  /** Length of the archive. */
  tarBytes: number;
  /** Bytes of the files, as Docker counts a layer's size. */
  sizeBytes: number;
}

/**
 * Unpacks a layer's uncompressed archive into an empty directory and records its journal. Synchronous: for worker
 * threads.
 *
 * @throws TarError
 */
export const unpackLayer = (
  fill: Fill,
  blocks: HashingBlocks,
  place: JournalPlace,
  options: ExtractOptions & { limitBytes?: number; sync?: boolean },
): Unpacked => {
  const source = new ByteSource(fill, { blocks, limitBytes: options.limitBytes ?? layerBytesMax });
  using journal = new JournalWriter(place.journal);
  using observer = new JournalObserver(journal, place.orphans);
  using tree = new Tree(openDirectory(place.root));
  const extractor = new Extractor(tree, new TarReader(source, (bytes) => journal.raw(bytes)), options, observer);
  extractor.run();
  journal.finish({ sync: options.sync ?? false });
  return {
    diffId: `sha256:${blocks.finish()}`,
    tarBytes: source.totalBytes,
    sizeBytes: extractor.sizeBytes,
  };
};

/** Writes the members of an archive that is no layer below an open directory. Synchronous: for worker threads. */
export const extractArchive = (fill: Fill, root: number, options: ExtractOptions): { sizeBytes: number } => {
  using tree = new Tree(root);
  const extractor = new Extractor(tree, new TarReader(new ByteSource(fill)), options);
  extractor.run();
  return { sizeBytes: extractor.sizeBytes };
};
