import { messageOf } from "../../../base/errors.ts";
import { authFor } from "../../../oci/distribution/credentials.ts";
import { downloadFrom } from "../../../oci/distribution/download-from.ts";
import { Repository } from "../../../oci/distribution/repository.ts";
import type { BlobSource } from "../../../oci/distribution/upload-send.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageContext } from "../context.ts";
import { domainOf, pathOf } from "./place.ts";

/** A place that has a blob, open to be read from. */
export interface BlobPlace extends Disposable {
  place: string;
  source: BlobSource;
}

/** Credentials for a repository that content is fetched from again: those of the push, where they are for that registry. */
const authAt = (place: string, target: string, auth: RegistryAuthConfig | undefined): RegistryAuthConfig | undefined =>
  domainOf(place) === domainOf(target) ? auth : authFor(auth, domainOf(place));

/**
 * Looks for a blob where it was had before. Nothing of it is stored: who reads the source sends it on.
 *
 * @returns the first place that has it, or why none of them gives it.
 */
export const findAgain = async (
  context: ImageContext,
  places: readonly string[],
  descriptor: Descriptor,
  options: { target: string; auth: RegistryAuthConfig | undefined; signal: AbortSignal | undefined },
): Promise<BlobPlace | string> => {
  const { settings, userAgent, retry } = context.registry;
  const { signal, target } = options;
  let why = "it is not known where it came from";
  for (const place of places) {
    const auth = authAt(place, target, options.auth);
    const client = { settings, userAgent, auth, signal, ...(retry === undefined ? {} : { retry }) };
    const name = { domain: domainOf(place), path: pathOf(place) };
    let repository: Repository | undefined;
    try {
      repository = await Repository.open(name, "pull", client);
      const size = await repository.statBlob(descriptor.digest, signal);
      if (size !== undefined) return placeIn(repository, place, descriptor, signal);
      why = `${place} no longer has it`;
    } catch (error) {
      if (signal?.aborted) throw error;
      why = messageOf(error);
    }
    repository?.[Symbol.dispose]();
  }
  return why;
};

const placeIn = (
  repository: Repository,
  place: string,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): BlobPlace => ({
  place,
  source: {
    sizeBytes: size,
    open: (offset) =>
      downloadFrom(repository, digest, { offset, sizeBytes: size, ...(signal === undefined ? {} : { signal }) }),
  },
  [Symbol.dispose]: () => repository[Symbol.dispose](),
});
