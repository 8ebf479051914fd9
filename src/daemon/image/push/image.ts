import { uploadBytes, putManifest } from "../../../oci/distribution/upload.ts";
import type { Reference } from "../../../oci/reference.ts";
import { shortId } from "../../../base/ids.ts";
import { chainIdsOf, maxConfigBytes } from "../document.ts";
import type { ImageRecord, LayerBlob } from "../record.ts";
import { pushLayers } from "./layers.ts";
import type { PushedBlob } from "./layers.ts";
import { manifestOf, newManifest, withLayers } from "./manifest.ts";
import type { PushManifest } from "./manifest.ts";
import type { PushTarget } from "./target.ts";

const leaseMs = 24 * 60 * 60 * 1000;

/** Pushes one image under a tag: with the manifest that it came with, byte for byte, wherever that can be. */
export const pushImage = async (target: PushTarget, tag: Reference, record: Readonly<ImageRecord>): Promise<void> => {
  const { context, repository, signal, tell } = target;
  await using lease = context.leases.open(`push of ${tag.toString()}`, leaseMs);
  for (const digest of [record.id, ...record.manifests]) lease.add("blob", digest);
  for (const blob of record.blobs) if (blob !== null) lease.add("blob", blob.digest);
  const chain = chainIdsOf(record.config);
  for (const chainId of chain) lease.add("layer", chainId);
  const own = await manifestOf(context, record);
  const wanted = chain.map((chainId, index) => ({
    layer: { chainId, diffId: record.config.rootfs.diff_ids[index] ?? "" },
    descriptor: own?.manifest.layers[index],
  }));
  const layers = await pushLayers(target, record, wanted);
  const config = await context.blobs.read(record.id);
  if ((await repository.statBlob(record.id, signal)) === undefined)
    await uploadBytes(repository, record.id, config, signal);
  const pushed = manifestFor(target, own, { digest: record.id, size: config.length }, wanted, layers);
  const name = tag.tag ?? "latest";
  await putManifest(repository, name, pushed, signal);
  tell({ status: `${name}: digest: ${pushed.digest} size: ${pushed.bytes.length}` });
  lease.add("blob", pushed.digest);
  if (!context.blobs.has(pushed.digest))
    await context.blobs.ingest(pushed.digest, pushed.bytes, { maxBytes: maxConfigBytes });
  remember(target, tag, record.id, { layers, digest: pushed.digest });
  tell({ progressDetail: {}, aux: { Tag: name, Digest: pushed.digest, Size: pushed.bytes.length } });
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
  const made = withLayers(own, descriptors);
  tell({ status: `The digest differs from the one that the image came with: ${own.digest}` });
  return made;
};

/** Notes the digest's name and where the layers are now, so that the next push need not send them. */
const remember = (
  { context }: PushTarget,
  tag: Reference,
  id: string,
  pushed: { layers: readonly PushedBlob[]; digest: string },
): void => {
  context.database.transaction((transaction) => {
    const record = context.store.get(id);
    if (record === undefined) return;
    const blobs = pushed.layers.map(({ blob }): LayerBlob | null => blob);
    const byDigest = tag.withDigest(pushed.digest);
    context.store.putImage(transaction, context.store.merged({ ...record, manifests: [pushed.digest], blobs }));
    if (context.store.named(byDigest) === undefined) context.store.putReference(transaction, byDigest, id);
  });
};
