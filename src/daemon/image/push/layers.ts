import { shortId } from "../../../base/ids.ts";
import { Slots } from "../../../base/slots.ts";
import { gzip } from "../../../oci/archive/compress.ts";
import { retry } from "../../../oci/distribution/retry.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import { beginUpload, uploadStream } from "../../../oci/distribution/upload.ts";
import type { MountSource } from "../../../oci/distribution/upload.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ImageContext } from "../context.ts";
import { countBytes, statusOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import type { LayerBlob } from "../record.ts";

/** Layers that one push uploads at a time, as dockerd's default. */
const defaultMaxUploads = 5;

export interface PushedLayer {
  chainId: string;
  diffId: string;
}

const gzipTypes = new Set<string>([mediaType.dockerLayer, mediaType.ociLayerGzip]);

/** The compressed forms of a layer that some image here was pulled or pushed with. */
export const knownBlobs = (context: ImageContext, diffId: string): LayerBlob[] => {
  const found = new Map<string, LayerBlob>();
  for (const { config, blobs } of context.store.all())
    for (const [index, blob] of blobs.entries())
      if (blob !== null && config.rootfs.diff_ids[index] === diffId && gzipTypes.has(blob.mediaType))
        found.set(blob.digest, blob);
  return [...found.values()];
};

const descriptorOf = (digest: string, size: number): Descriptor => ({
  mediaType: mediaType.dockerLayer,
  size,
  digest,
});

const mountSource = (repository: Repository, known: readonly LayerBlob[]): MountSource | undefined => {
  const prefix = `${repository.client.endpoint.host}/`;
  for (const { digest, repositories } of known)
    for (const place of repositories)
      if (place.startsWith(prefix) && place !== prefix + repository.path)
        return { digest, from: place.slice(prefix.length) };
  return undefined;
};

const pushOne = async (
  context: ImageContext,
  repository: Repository,
  { chainId, diffId }: PushedLayer,
  { signal, tell }: { signal: AbortSignal | undefined; tell: OnProgress },
): Promise<Descriptor> => {
  const id = shortId(diffId);
  const known = knownBlobs(context, diffId);
  for (const { digest } of known) {
    const size = await repository.statBlob(digest, signal);
    if (size === undefined) continue;
    tell(statusOf(id, "Layer already exists"));
    return descriptorOf(digest, size);
  }
  const mount = mountSource(repository, known);
  const layer = context.layers.get(chainId);
  return retry(repository.client.retry, signal, async () => {
    const location = await beginUpload(repository, mount, signal);
    if (location === undefined && mount !== undefined) {
      const size = await repository.statBlob(mount.digest, signal);
      tell(statusOf(id, `Mounted from ${mount.from}`));
      return descriptorOf(mount.digest, size ?? 0);
    }
    const count = countBytes(id, "Pushing", layer?.tarBytes ?? 0, tell);
    const tar = context.layers.tar(chainId);
    tar.on("data", (chunk: Buffer) => count(chunk.length)).pause();
    const target = location ?? repository.url("blobs/uploads/");
    const { digest, size } = await uploadStream(repository, target, gzip(tar), signal);
    tell(statusOf(id, "Pushed"));
    return descriptorOf(digest, size);
  });
};

/** Makes a registry have all layers of an image; returns what it has them as, bottom first. */
export const pushLayers = async (
  context: ImageContext,
  repository: Repository,
  layers: readonly PushedLayer[],
  options: { signal: AbortSignal | undefined; tell: OnProgress },
): Promise<Descriptor[]> => {
  const { tell } = options;
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  const slots = new Slots(context.registry.maxUploads ?? defaultMaxUploads);
  // A layer that comes twice is sent once.
  const unique = new Map(layers.map((layer) => [layer.diffId, layer]));
  for (const { diffId } of [...unique.values()].reverse()) tell(statusOf(shortId(diffId), "Preparing"));
  const pushes = new Map(
    [...unique.values()].reverse().map((layer) => {
      const push = async (): Promise<Descriptor> => {
        if (!slots.isFree) tell(statusOf(shortId(layer.diffId), "Waiting"));
        using _place = await slots.take(signal);
        return pushOne(context, repository, layer, { signal, tell });
      };
      return [layer.diffId, push()];
    }),
  );
  try {
    await Promise.all(pushes.values());
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(pushes.values());
    throw error;
  }
  const pushed: Descriptor[] = [];
  for (const { diffId } of layers) {
    const descriptor = await pushes.get(diffId);
    if (descriptor !== undefined) pushed.push(descriptor);
  }
  return pushed;
};
