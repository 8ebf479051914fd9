import { shortId } from "../../../base/ids.ts";
import { TarError } from "../../../oci/layer/tar/error.ts";
import { DiffIdMismatch } from "../../content/layer.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { barsOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import type { ArchivedFile } from "./archive.ts";

/** Where a layer belongs, and what it must be. */
interface LayerPlace {
  parent: string | null;
  chainId: string;
  diffId: string;
}

/**
 * Makes a file of the archive the layer of an image. The layers below it must be in the store.
 *
 * @throws DiffIdMismatch when it is another layer; why it could not be unpacked.
 */
export const placeLayer = async (
  context: ImageContext,
  file: ArchivedFile,
  { parent, chainId, diffId }: LayerPlace,
  options: { lease: ContentLease; signal: AbortSignal | undefined; tell: OnProgress },
): Promise<void> => {
  const { layers, blobs } = context;
  const { lease, signal, tell } = options;
  if (file.kind === "layer" && file.chainId === null) {
    await layers.adopt(parent, await file.staged, { diffId, lease });
    file.chainId = chainId;
    const untoldBytes = file.untoldBytes();
    if (untoldBytes !== null) barsOf(shortId(diffId), "Loading layer", untoldBytes, tell).end();
    return;
  }
  const register = async (source: Parameters<typeof layers.register>[1], sizeBytes: number): Promise<void> => {
    const bars = barsOf(shortId(diffId), "Loading layer", sizeBytes, tell);
    await layers.register(parent, source, { diffId, lease, signal, onProgress: bars.onProgress });
    bars.end();
  };
  if (file.kind === "too-large") throw new TarError("invalid tar header");
  if (file.kind === "blob") return register({ path: blobs.path(file.digest) }, blobs.size(file.digest));
  // The same layer is in the store on top of other ones: its archive comes from there.
  const there = file.kind === "layer" ? (file.chainId ?? "") : file.chainId;
  const actual = file.kind === "layer" ? (await file.staged).diffId : file.diffId;
  if (actual !== diffId) throw new DiffIdMismatch(diffId, actual);
  await register(layers.tar(there), layers.get(there)?.tarBytes ?? 0);
};
