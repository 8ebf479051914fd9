import { shortId } from "../../../base/ids.ts";
import { SourceError } from "../../../oci/distribution/upload-send.ts";
import type { BlobSource } from "../../../oci/distribution/upload-send.ts";
import { DigestMismatch } from "../../../oci/distribution/upload.ts";
import { cancelUpload } from "../../../oci/distribution/upload-session.ts";
import type { UploadSession } from "../../../oci/distribution/upload-session.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import { barsOf, statusOf } from "../progress.ts";
import { findAgain } from "./fetch-again.ts";
import { mountsOf } from "./knowledge.ts";
import { compressedSource, keptSource, tarSource, watched } from "./sources.ts";
import { mountBlob, upload } from "./target.ts";
import type { PushTarget } from "./target.ts";

/** A blob that a registry is to have, and what is known of it. */
export interface WantedBlob {
  /** What the progress calls it. */
  id: string;
  descriptor: Descriptor;
  /** The layer that it is of; null for anything else, or when it is not unpacked here. */
  layer: { chainId: string; diffId: string } | null;
  /** Where it may be had, `domain/path`. */
  places: readonly string[];
}

/** A blob is there now, or why its exact bytes could not be had. */
export type BlobOutcome = { pushed: true } | { pushed: false; why: string };

/**
 * Makes a registry have a blob, byte for byte: it is there already, is taken over from another repository, is kept here,
 * is compressed again as it was, or is fetched again from where it came and sent on.
 */
export const pushBlob = async (target: PushTarget, wanted: WantedBlob): Promise<BlobOutcome> => {
  const { repository, signal, tell } = target;
  const { id, descriptor, places } = wanted;
  const { digest } = descriptor;
  if ((await repository.statBlob(digest, signal)) !== undefined) {
    tell(statusOf(id, "Layer already exists"));
    return { pushed: true };
  }
  const mount = await mountBlob(target, digest, mountsOf(places, repository.place));
  if (mount !== undefined && "mounted" in mount) {
    tell(statusOf(id, `Mounted from ${mount.mounted}`));
    return { pushed: true };
  }
  const begun: BegunUpload = { session: mount?.session };
  try {
    return await sendBlob(target, wanted, begun);
  } finally {
    // No way gave the bytes.
    if (begun.session !== undefined) await cancelUpload(repository.client, begun.session);
  }
};

/** The upload that a registry began in place of a mount, until somebody has taken it over. */
interface BegunUpload {
  session: UploadSession | undefined;
}

const sendBlob = async (target: PushTarget, wanted: WantedBlob, begun: BegunUpload): Promise<BlobOutcome> => {
  const { repository, signal, tell, context, auth } = target;
  const { id, descriptor, places } = wanted;
  const { digest, size } = descriptor;
  /** Null when it is there now, else what was wrong with the bytes. */
  const send = async (source: BlobSource, total: number, counts: boolean): Promise<string | null> => {
    const bars = barsOf(id, "Pushing", total, tell);
    const told = counts ? watched(source, bars.onProgress) : source;
    const { session } = begun;
    begun.session = undefined;
    try {
      await upload(target, id, told, { digest, session });
    } catch (error) {
      // What this machine or another registry gave is not it; there are other ways.
      if (!(error instanceof DigestMismatch || error instanceof SourceError)) throw error;
      return error.message;
    }
    bars.end();
    tell(statusOf(id, "Pushed"));
    return null;
  };
  if (context.blobs.has(digest) && (await send(keptSource(context, digest), size, true)) === null)
    return { pushed: true };
  const made = await remade(target, wanted);
  if (made !== undefined && (await send(made.source, made.total, false)) === null) return { pushed: true };
  const again = await findAgain(context, places, descriptor, { target: repository.place, auth, signal });
  if (typeof again === "string") return { pushed: false, why: again };
  using found = again;
  const wrong = await send(found.source, size, true);
  return wrong === null ? { pushed: true } : { pushed: false, why: wrong };
};

/** The layer's archive as it was compressed, when this machine knows how, or as it is, when it was not. */
const remade = async (
  { context, knowledge, tell }: PushTarget,
  { id, descriptor, layer }: WantedBlob,
): Promise<{ source: BlobSource; total: number } | undefined> => {
  const stored = layer === null ? undefined : context.layers.get(layer.chainId);
  if (layer === null || stored === undefined) return undefined;
  const bars = barsOf(id, "Pushing", stored.tarBytes, tell);
  if (descriptor.digest === layer.diffId)
    return { source: tarSource(context, layer.chainId, bars.onProgress), total: stored.tarBytes };
  const recipe = knowledge.blob(descriptor.digest)?.recipe;
  const compressor = recipe === undefined ? undefined : await context.compressors.following(recipe);
  if (compressor === undefined) return undefined;
  return {
    source: compressedSource(context, layer.chainId, compressor, bars.onProgress),
    total: stored.tarBytes,
  };
};

export const idOf = (descriptor: Descriptor, layer: WantedBlob["layer"]): string =>
  shortId(layer?.diffId ?? descriptor.digest);
