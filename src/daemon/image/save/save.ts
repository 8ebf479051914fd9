import type { Readable } from "node:stream";
import { notFound } from "../../../base/errors.ts";
import { encodeEntry, endOfArchive, paddingOf } from "../../../oci/layer/tar/encode.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { chainIdsOf } from "../document.ts";
import { imageEvent } from "../store.ts";
import { archiveFiles } from "./layout.ts";
import type { ArchiveFile, SavedImage, SavedIndex } from "./layout.ts";
import { imagesToSave } from "./names.ts";
import type { NamedImage, NamedIndex } from "./names.ts";

type ArchivePart = Parameters<ImageContext["layers"]["assemble"]>[0][number];

const leaseMs = 24 * 60 * 60 * 1000;

const savedImage = (context: ImageContext, image: NamedImage, lease: ContentLease): SavedImage => {
  const { config, id } = image.record;
  lease.add("blob", id);
  const layers = chainIdsOf(config).map((chainId, index) => {
    lease.add("layer", chainId);
    const layer = context.layers.get(chainId);
    if (layer === undefined) throw notFound(`layer ${chainId} of image ${id} does not exist`);
    return { chainId, diffId: config.rootfs.diff_ids[index] ?? "", sizeBytes: layer.tarBytes };
  });
  return { ...image, layers, configBytes: context.blobs.size(id) };
};

/** An index with its images and with what is attached to them, as far as that is here. */
const savedIndex = (
  context: ImageContext,
  { images, artifacts, tags }: NamedIndex,
  lease: ContentLease,
): SavedIndex => {
  const isHere = ({ digest, size }: { digest: string; size: number }): boolean => {
    lease.add("blob", digest);
    return context.blobs.has(digest) && context.blobs.size(digest) === size;
  };
  return {
    images: images.map(({ image, entry }) => ({
      saved: savedImage(context, { record: image, tags: [] }, lease),
      entry,
    })),
    artifacts: artifacts.filter(({ record }) => [record, record.config, ...record.layers].every(isHere)),
    tags,
  };
};

/**
 * An archive of images: their layers are rebuilt byte for byte, their configurations are the bytes that they came with,
 * so that ids are the same wherever it is loaded.
 *
 * @throws EngineError not-found, before the stream begins; what fails later destroys the stream.
 *
 * **Source:** Engine API, ImageGet and ImageGetAll.
 */
export const saveImages = (context: ImageContext, names: readonly string[], platform?: Platform): Readable => {
  const named = imagesToSave(context.store, names, platform);
  const lease = context.leases.open("save", leaseMs);
  let saved: SavedImage[];
  let parts: ArchivePart[];
  try {
    saved = named.images.map((image) => savedImage(context, image, lease));
    const indexes = named.indexes.map((index) => savedIndex(context, index, lease));
    parts = [...partsOf(context, archiveFiles(saved, indexes))];
  } catch (error) {
    void lease[Symbol.asyncDispose]();
    throw error;
  }
  const stream = context.layers.assemble(parts, () => {
    context.database.emit(...saved.map(({ record }) => imageEvent("save", record.id, record.id, record)));
  });
  stream.once("close", () => void release(context, lease));
  return stream;
};

/** Ends a save's hold on its content. What was removed meanwhile goes now; should that fail, then with the next collection. */
const release = async (context: ImageContext, lease: ContentLease): Promise<void> => {
  await lease[Symbol.asyncDispose]();
  await context.collect().catch(() => {});
};

/** Root owns it, from 1970: two saves of one image are the same bytes. */
const header = (name: string, type: "file" | "directory", sizeBytes: number): Buffer =>
  encodeEntry({
    type,
    name,
    linkName: "",
    mode: type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes,
    mtimeNs: 0n,
    major: 0,
    minor: 0,
    xattrs: new Map(),
    fragments: null,
  });

function* partsOf(context: ImageContext, files: readonly ArchiveFile[]): Generator<ArchivePart> {
  for (const directory of ["blobs/", "blobs/sha256/"]) yield { bytes: header(directory, "directory", 0) };
  for (const file of files) {
    const sizeBytes = "bytes" in file ? file.bytes.length : file.sizeBytes;
    yield { bytes: header(file.path, "file", sizeBytes) };
    if ("bytes" in file) yield { bytes: file.bytes };
    else if ("blob" in file) yield { path: context.blobs.path(file.blob), sizeBytes };
    else yield { chainId: file.chainId };
    yield { bytes: paddingOf(sizeBytes) };
  }
  yield { bytes: endOfArchive };
}
