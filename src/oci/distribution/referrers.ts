import type { Descriptor } from "../../wire/oci/descriptor.ts";
import type { Digest } from "../digest.ts";
import { parseManifest } from "./manifest.ts";
import { nextPage } from "./next-page.ts";
import { ContentError, RegistryError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import { readBody } from "./transport.ts";

/** Of all pages together. */
const maxBytes = 16 * 1024 * 1024;
const maxPages = 1000;
/** What registries without the API answer. */
const unsupported = new Set([400, 404, 405, 501]);

const lacks = (error: unknown): boolean => error instanceof RegistryError && unsupported.has(error.status);

/**
 * The descriptors of the manifests whose subject is this one; from the tag that stands for them where a registry has no
 * such list.
 *
 * @throws ContentError for more than 16 MiB or no sense; RegistryError; TransportError.
 *
 * **Source:** OCI distribution-spec, Listing Referrers, Referrers Tag Schema.
 */
export const fetchReferrers = async (
  repository: Repository,
  subject: Digest,
  signal?: AbortSignal,
): Promise<Descriptor[]> => {
  const { client } = repository;
  const found: Descriptor[] = [];
  try {
    let left = maxBytes;
    let url: URL | undefined = repository.url(`referrers/${subject}`);
    for (let page = 0; url !== undefined; page++) {
      const answer = await client.send({ method: "GET", url, signal });
      const bytes = await readBody(answer, left);
      left -= bytes.length;
      if (page === maxPages) throw new ContentError("the list of referrers has no end");
      found.push(...entriesOf(bytes));
      const next = nextPage(answer, url);
      url = next?.origin === client.base.origin ? next : undefined;
    }
    return found;
  } catch (error) {
    if (found.length > 0 || !lacks(error)) throw error;
  }
  try {
    return entriesOf((await repository.manifest(subject.replace(":", "-"), signal)).bytes);
  } catch (error) {
    if (lacks(error)) return [];
    throw error;
  }
};

const entriesOf = (bytes: Uint8Array): Descriptor[] => {
  const parsed = parseManifest(bytes, "");
  if (parsed.kind !== "index") throw new ContentError("the list of referrers is no index");
  return parsed.index.manifests;
};
