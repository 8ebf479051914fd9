import type { Digest } from "../../../oci/digest.ts";
import { mediaType } from "../../../oci/media-type.ts";
import { isRepository, listRepositories } from "../../content/catalog.ts";
import { listTags } from "../../content/manifests.ts";
import { listReferrers } from "../../content/referrers.ts";
import { fault } from "../../fault.ts";
import type { Services } from "../../services.ts";
import { sendJson } from "../exchange.ts";
import type { Exchange } from "../exchange.ts";
import { linkHeader, readCount, takePage } from "../page.ts";

/** Without `n`: most tags of one answer. The rest is behind the link, which clients follow. */
const defaultTags = 10_000;
/** **Source:** docker-registry, which gives 100 repositories without `n`. */
const defaultRepositories = 100;
const maxLastCharacters = 256;

const lastOf = (query: URLSearchParams): string => (query.get("last") ?? "").slice(0, maxLastCharacters);

/** **Source:** OCI distribution-spec, end-8. */
export const getTags = async (
  { storage, proxy }: Services,
  exchange: Exchange,
  { repository }: { repository: string },
): Promise<void> => {
  const count = readCount(exchange.query, defaultTags);
  const last = lastOf(exchange.query);
  if (proxy !== undefined) return proxy.tags(exchange, repository, { count, last });
  const page = await takePage(listTags(storage, repository, last), count);
  if (page.entries.length === 0 && !(await isRepository(storage, repository))) {
    throw fault("NAME_UNKNOWN", { detail: { name: repository } });
  }
  const link = linkHeader(`/v2/${repository}/tags/list`, page, count);
  return sendJson(exchange, 200, { name: repository, tags: page.entries }, link);
};

/** **Source:** Docker Registry HTTP API V2, Catalog. */
export const getCatalog = async ({ storage }: Services, exchange: Exchange): Promise<void> => {
  const count = readCount(exchange.query, defaultRepositories);
  const last = lastOf(exchange.query);
  const page = await takePage(listRepositories(storage, last), count);
  sendJson(exchange, 200, { repositories: page.entries }, linkHeader("/v2/_catalog", page, count));
};

/**
 * **Source:** OCI distribution-spec, end-12: an empty list, never 404, for what nobody refers to; a link to the rest of a
 * long one.
 */
export const getReferrers = async (
  services: Services,
  exchange: Exchange,
  { repository, digest }: { repository: string; digest: Digest },
): Promise<void> => {
  const artifactType = exchange.query.get("artifactType") ?? "";
  const after = lastOf(exchange.query);
  const { entries, next } =
    services.proxy === undefined
      ? await listReferrers(services, repository, digest, { artifactType, after })
      : {
          entries: (await services.proxy.referrers(exchange, repository, digest)).filter(
            (entry) => artifactType === "" || entry.artifactType === artifactType,
          ),
          next: undefined,
        };
  const rest = new URLSearchParams({ last: next ?? "" });
  if (artifactType !== "") rest.set("artifactType", artifactType);
  const body = { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: entries };
  sendJson(exchange, 200, body, {
    "content-type": mediaType.ociIndex,
    ...(artifactType === "" ? {} : { "oci-filters-applied": "artifactType" }),
    ...(next === undefined ? {} : { link: `</v2/${repository}/referrers/${digest}?${rest.toString()}>; rel="next"` }),
  });
};
