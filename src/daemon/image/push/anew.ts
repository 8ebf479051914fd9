import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import { barsOf, statusOf } from "../progress.ts";
import type { LayerBlob } from "../record.ts";
import { pushBlob } from "./blob.ts";
import { mountsOf } from "./knowledge.ts";
import { compressedSource } from "./sources.ts";
import { upload } from "./target.ts";
import type { PushTarget } from "./target.ts";

const gzipTypes = new Set<string>([mediaType.dockerLayer, mediaType.ociLayerGzip]);

export interface PushedLayer {
  chainId: string;
  diffId: string;
}

/**
 * Makes a registry have a layer in any gzip form: one that it has or can take over, one that was compressed here before,
 * or a new one, whose recipe is noted.
 *
 * @param type of the layer in the manifest that is made
 */
export const pushAnew = async (
  target: PushTarget,
  id: string,
  { chainId, diffId }: PushedLayer,
  type: string,
): Promise<LayerBlob> => {
  const { context, repository, knowledge, signal, tell } = target;
  const forms = knowledge.forms(diffId).filter((form) => gzipTypes.has(form.mediaType));
  const as = ({ digest, size, recipe }: LayerBlob): LayerBlob => ({
    digest,
    size,
    mediaType: type,
    repositories: [repository.place],
    ...(recipe === undefined ? {} : { recipe }),
  });
  for (const form of forms) {
    if ((await repository.statBlob(form.digest, signal)) === undefined) continue;
    tell(statusOf(id, "Layer already exists"));
    return as(form);
  }
  const best = forms.find(({ recipe }) => recipe !== undefined);
  for (const form of best === undefined ? forms : [best]) {
    const isNear = mountsOf(form.repositories, repository.place).length > 0;
    if (!isNear && form.recipe === undefined && !context.blobs.has(form.digest)) continue;
    const descriptor: Descriptor = { mediaType: type, digest: form.digest, size: form.size };
    const places = isNear ? form.repositories.filter((place) => mountsOf([place], repository.place).length > 0) : [];
    const outcome = await pushBlob(target, { id, descriptor, layer: { chainId, diffId }, places });
    if (outcome.pushed) return as(form);
  }
  const compressor = await context.compressors.preferred();
  const bars = barsOf(id, "Pushing", context.layers.get(chainId)?.tarBytes ?? 0, tell);
  const { digest, size } = await upload(target, id, compressedSource(context, chainId, compressor, bars.onProgress));
  bars.end();
  tell(statusOf(id, "Pushed"));
  return as({ digest, size, mediaType: type, repositories: [], recipe: compressor.recipe });
};
