import { shortId } from "../../../base/ids.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import type { OciImageConfig } from "../../../wire/oci/image-config.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { chainIdsOf } from "../document.ts";
import { statusOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";

/**
 * Makes all layers of an image be here: those that are not are downloaded and unpacked side by side.
 *
 * @returns which layers were downloaded, so that their blobs are known to be what the layers are.
 */
export const fetchLayers = async (
  context: ImageContext,
  repository: Repository,
  manifest: ImageManifest,
  config: OciImageConfig,
  options: { lease: ContentLease; signal: AbortSignal | undefined; tell: OnProgress },
): Promise<boolean[]> => {
  const { lease, tell } = options;
  // One failed layer ends the others.
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  const chain = chainIdsOf(config);
  const missing = chain.map((chainId) => {
    lease.add("layer", chainId);
    return context.layers.get(chainId) === undefined;
  });
  for (const [index, { digest }] of manifest.layers.entries())
    tell(statusOf(shortId(digest), missing[index] === true ? "Pulling fs layer" : "Already exists"));
  const parts = manifest.layers.map(async (layer, index) => {
    if (missing[index] !== true) return;
    lease.add("blob", layer.digest);
    const place = {
      parent: chain[index - 1] ?? null,
      chainId: chain[index] ?? "",
      diffId: config.rootfs.diff_ids[index] ?? "",
    };
    await context.transfers.fetch(context, repository, layer, place, { signal, tell });
  });
  try {
    await Promise.all(parts);
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(parts);
    throw error;
  }
  return missing;
};
