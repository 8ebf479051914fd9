import { shortId } from "../../../base/ids.ts";
import { putManifest, uploadBytes } from "../../../oci/distribution/upload.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { ContentLease } from "../context.ts";
import { chainIdsOf } from "../document.ts";
import { manifestRecordOf } from "../manifest-record.ts";
import type { ImageRecord } from "../record.ts";
import { pushLayers } from "./layers.ts";
import type { PushedBlob } from "./layers.ts";
import { manifestOf, newManifest, withLayers } from "./manifest.ts";
import type { PushManifest } from "./manifest.ts";
import type { PushTarget } from "./target.ts";
import { pushManifestTree } from "./tree.ts";

/** How long a push keeps what it sends from being collected. */
export const leaseMs = 24 * 60 * 60 * 1000;

/** A tag to push. */
export interface Pushed {
  tag: Reference;
  /** The image that it means. */
  record: Readonly<ImageRecord>;
  /** What the tag stands for, when that is known. */
  target: string | null;
  /** The index to push whole, in place of the image alone. */
  index: string | null;
}

/** A document that a registry has now. */
export interface PushedDocument {
  bytes: Buffer;
  digest: string;
  mediaType: string;
}

/** Pushes what a tag stands for, with the manifests that it came with, byte for byte, wherever that can be. */
export const pushTag = async (target: PushTarget, { tag, record, target: named, index }: Pushed): Promise<void> => {
  const { context, tell } = target;
  await using lease = context.leases.open(`push of ${tag.toString()}`, leaseMs);
  const name = tag.tag ?? "latest";
  const pushed =
    index === null
      ? await pushImage(target, record, await manifestOf(context, record, named), { name, lease })
      : await pushManifestTree(target, index, { name, lease });
  tell({ status: `${name}: digest: ${pushed.digest} size: ${pushed.bytes.length}` });
  nameDigest(target, tag, record.id, pushed);
  tell({ progressDetail: {}, aux: { Tag: name, Digest: pushed.digest, Size: pushed.bytes.length } });
};

/** Keeps what an image consists of from being collected. */
export const holdImage = (record: Readonly<ImageRecord>, lease: ContentLease): void => {
  for (const digest of [record.id, ...record.manifests]) lease.add("blob", digest);
  for (const blob of record.blobs) if (blob !== null) lease.add("blob", blob.digest);
  for (const chainId of chainIdsOf(record.config)) lease.add("layer", chainId);
};

/**
 * Pushes one image: its layers, its configuration, its manifest.
 *
 * @param own the manifest that it came with; it gets a new one when there is none
 * @param options.name what the manifest is called there: a tag; null for its digest
 */
export const pushImage = async (
  target: PushTarget,
  record: Readonly<ImageRecord>,
  own: PushManifest | undefined,
  { name, lease }: { name: string | null; lease: ContentLease },
): Promise<PushManifest> => {
  const { context, repository, signal } = target;
  holdImage(record, lease);
  const chain = chainIdsOf(record.config);
  const wanted = chain.map((chainId, index) => ({
    layer: { chainId, diffId: record.config.rootfs.diff_ids[index] ?? "" },
    descriptor: own?.manifest.layers[index],
  }));
  const layers = await pushLayers(target, record, wanted);
  const config = await context.blobs.read(record.id);
  if ((await repository.statBlob(record.id, signal)) === undefined)
    await uploadBytes(repository, record.id, config, signal);
  const pushed = manifestFor(target, own, { digest: record.id, size: config.length }, wanted, layers);
  await putManifest(repository, name ?? pushed.digest, pushed, signal);
  lease.add("blob", pushed.digest);
  if (!context.blobs.has(pushed.digest))
    await context.blobs.ingest(pushed.digest, pushed.bytes, { maxBytes: pushed.bytes.length });
  remember(target, record.id, layers, pushed);
  return pushed;
};

/** The manifest that the image came with; another one only when layers had to be compressed anew, which is said. */
const manifestFor = (
  { tell }: PushTarget,
  own: PushManifest | undefined,
  config: { digest: string; size: number },
  wanted: readonly { layer: { diffId: string } }[],
  layers: readonly PushedBlob[],
): PushManifest => {
  const descriptors = layers.map(({ descriptor }) => descriptor);
  if (own === undefined) return newManifest(config, descriptors);
  const changed = layers.flatMap(({ anew }, index) =>
    anew === undefined ? [] : [{ id: shortId(wanted[index]?.layer.diffId ?? ""), anew }],
  );
  if (changed.length === 0) return own;
  for (const { id, anew } of changed)
    tell({
      status: `Layer ${id} was compressed anew: its bytes are not kept here and cannot be fetched again: ${anew}`,
    });
  tell({ status: `The digest differs from the one that the image came with: ${own.digest}` });
  return withLayers(own, descriptors);
};

/** Notes the manifest, and where the layers are now, so that the next push need not send them. */
const remember = (
  { context }: PushTarget,
  id: string,
  layers: readonly PushedBlob[],
  { bytes, digest, mediaType }: PushedDocument,
): void => {
  context.database.transaction((transaction) => {
    const record = context.store.get(id);
    if (record === undefined) return;
    const blobs = layers.map(({ blob }) => blob);
    context.store.putImage(transaction, context.store.merged({ ...record, manifests: [digest], blobs }));
    context.store.putManifest(transaction, manifestRecordOf(bytes, mediaType));
  });
};

/** Gives the image the name by digest that it has in the registry now; a tag without one stands for it from now on. */
const nameDigest = ({ context }: PushTarget, tag: Reference, id: string, { digest }: PushedDocument): void => {
  const { store, database } = context;
  database.transaction((transaction) => {
    if (store.get(id) === undefined || store.manifest(digest) === undefined) return;
    const byDigest = tag.withDigest(digest);
    if (store.named(byDigest) === undefined) store.putReference(transaction, byDigest, id, digest);
    const found = store.reference(tag);
    if (found?.imageId === id && found.target === null) store.putReference(transaction, tag, id, digest);
  });
};
