import type { Readable } from "node:stream";
import { notFound } from "../../../base/errors.ts";
import { encodeEntry, endOfArchive, paddingOf } from "../../../oci/layer/tar/encode.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { chainIdsOf } from "../document.ts";
import { imageEvent } from "../store.ts";
import { archiveFiles } from "./layout.ts";
import type { SavedImage } from "./layout.ts";
import { imagesToSave } from "./names.ts";
import type { NamedImage } from "./names.ts";

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

/**
 * An archive of images: their layers are rebuilt byte for byte, their configurations are the bytes that they came with,
 * so that ids are the same wherever it is loaded.
 *
 * @throws EngineError not-found, before the stream begins; what fails later destroys the stream.
 *
 * **Source:** Engine API, ImageGet and ImageGetAll.
 */
export const saveImages = (context: ImageContext, names: readonly string[], platform?: Platform): Readable => {
  const images = imagesToSave(context.store, names, platform);
  const lease = context.leases.open("save", leaseMs);
  let saved: SavedImage[];
  try {
    saved = images.map((image) => savedImage(context, image, lease));
  } catch (error) {
    void lease[Symbol.asyncDispose]();
    throw error;
  }
  const stream = context.layers.assemble([...partsOf(context, saved)], () => {
    context.database.emit(...saved.map(({ record }) => imageEvent("save", record.id, record.id, record)));
  });
  stream.once("close", () => void lease[Symbol.asyncDispose]());
  return stream;
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

function* partsOf(context: ImageContext, images: readonly SavedImage[]): Generator<ArchivePart> {
  for (const directory of ["blobs/", "blobs/sha256/"]) yield { bytes: header(directory, "directory", 0) };
  for (const file of archiveFiles(images)) {
    const sizeBytes = "bytes" in file ? file.bytes.length : file.sizeBytes;
    yield { bytes: header(file.path, "file", sizeBytes) };
    if ("bytes" in file) yield { bytes: file.bytes };
    else if ("config" in file) yield { path: context.blobs.path(file.config), sizeBytes };
    else yield { chainId: file.chainId };
    yield { bytes: paddingOf(sizeBytes) };
  }
  yield { bytes: endOfArchive };
}
