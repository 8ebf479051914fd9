import { shortId } from "../../../base/ids.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import { statusOf } from "../progress.ts";
import type { ImageRecord, LayerBlob } from "../record.ts";
import { pushAnew } from "./anew.ts";
import type { PushedLayer } from "./anew.ts";
import { pushBlob } from "./blob.ts";
import { mayDistribute } from "./foreign.ts";
import { sourcesOf } from "./knowledge.ts";
import { isForeign } from "./manifest.ts";
import type { PushTarget } from "./target.ts";

/** Layers that all pushes together upload at a time, as dockerd's default. */
export const maxUploadsDefault = 5;

/** A layer to push: the one that is here, and what the image's manifest says of it, when it has one. */
export interface WantedLayer {
  layer: PushedLayer;
  descriptor: Descriptor | undefined;
}

/** What a registry has a layer as now. `blob` is null for one that is not pushed at all. */
export interface PushedBlob {
  descriptor: Descriptor;
  blob: LayerBlob | null;
  /** Why it is not the bytes that the manifest names. */
  anew?: string;
}

const newTypeOf = (descriptor: Descriptor | undefined): string =>
  descriptor?.mediaType.startsWith("application/vnd.oci.") ? mediaType.ociLayerGzip : mediaType.dockerLayer;

const pushOne = async (
  target: PushTarget,
  record: Readonly<ImageRecord> | undefined,
  { layer, descriptor }: WantedLayer,
): Promise<PushedBlob> => {
  const { context, knowledge, repository, tell } = target;
  const id = shortId(layer.diffId);
  if (descriptor !== undefined && isForeign(descriptor) && !(await mayDistribute(context, repository.name.domain))) {
    tell(statusOf(id, "Skipped foreign layer"));
    return { descriptor, blob: null };
  }
  let why: string | undefined;
  if (descriptor !== undefined) {
    const places = sourcesOf(context, knowledge, descriptor.digest, record);
    const outcome = await pushBlob(target, { id, descriptor, layer, places });
    if (outcome.pushed) {
      const { digest, size, mediaType: type } = descriptor;
      const { recipe, kept } = knowledge.blob(digest) ?? {};
      const blob: LayerBlob = {
        digest,
        size,
        mediaType: type,
        repositories: [repository.place, ...(knowledge.blob(digest)?.repositories ?? [])],
        ...(recipe === undefined ? {} : { recipe }),
        ...(kept === undefined ? {} : { kept }),
      };
      return { descriptor, blob };
    }
    ({ why } = outcome);
  }
  const blob = await pushAnew(target, id, layer, newTypeOf(descriptor));
  const { digest, size, mediaType: type } = blob;
  const made = { ...annotationsOf(descriptor), mediaType: type, size, digest };
  return { descriptor: made, blob, ...(why === undefined ? {} : { anew: why }) };
};

const annotationsOf = (descriptor: Descriptor | undefined): { annotations?: Record<string, string> } =>
  descriptor?.annotations === undefined ? {} : { annotations: descriptor.annotations };

/** Makes a registry have all layers of an image; returns what it has them as, bottom first. */
export const pushLayers = async (
  target: PushTarget,
  record: Readonly<ImageRecord> | undefined,
  wanted: readonly WantedLayer[],
): Promise<PushedBlob[]> => {
  const { tell, context } = target;
  const abort = new AbortController();
  const signal = target.signal === undefined ? abort.signal : AbortSignal.any([target.signal, abort.signal]);
  const slots = context.uploads;
  slots.resize(Math.max(1, context.registry.maxUploads ?? maxUploadsDefault));
  const keyOf = ({ layer, descriptor }: WantedLayer): string => descriptor?.digest ?? layer.diffId;
  // A layer that comes twice is sent once.
  const unique = new Map(wanted.map((one) => [keyOf(one), one]));
  const top = [...unique.values()].reverse();
  for (const { layer } of top) tell(statusOf(shortId(layer.diffId), "Preparing"));
  const pushes = new Map(
    top.map((one) => {
      const push = async (): Promise<PushedBlob> => {
        if (!slots.isFree) tell(statusOf(shortId(one.layer.diffId), "Waiting"));
        using _place = await slots.take(signal);
        return pushOne({ ...target, signal }, record, one);
      };
      return [keyOf(one), push()];
    }),
  );
  try {
    await Promise.all(pushes.values());
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(pushes.values());
    throw error;
  }
  return Promise.all(wanted.flatMap((one) => pushes.get(keyOf(one)) ?? []));
};
