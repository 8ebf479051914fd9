import { isDigest } from "../../../oci/digest.ts";
import type { Digest } from "../../../oci/digest.ts";
import { maxManifestBytes } from "../../content/manifests.ts";
import type { StoredManifest } from "../../content/manifests.ts";
import { fault } from "../../fault.ts";
import { isTag } from "../../name.ts";
import type { Services } from "../../services.ts";
import { readAccept, refusal, wantsPlatform } from "../accept.ts";
import { readBody, send } from "../exchange.ts";
import type { Exchange } from "../exchange.ts";

interface ManifestRoute {
  repository: string;
  reference: string;
}

/** Tags that one request may set. */
const maxTags = 1000;

const unknown = ({ reference }: ManifestRoute) =>
  fault("MANIFEST_UNKNOWN", { detail: isDigest(reference) ? { digest: reference } : { tag: reference } });

/** **Source:** distribution/distribution, manifests.go: what a client without manifest lists is given. */
const defaultPlatform = { os: "linux", architecture: "amd64" };

const forOnePlatform = async (
  services: Services,
  exchange: Exchange,
  route: ManifestRoute,
  list: StoredManifest,
): Promise<StoredManifest | null> => {
  const { manifests } = JSON.parse(list.bytes.toString("utf8")) as {
    manifests?: { digest: Digest; platform?: { os?: string; architecture?: string } }[];
  };
  const chosen = manifests?.find(
    ({ platform }) => platform?.os === defaultPlatform.os && platform.architecture === defaultPlatform.architecture,
  );
  return chosen === undefined ? null : find(services, exchange, route.repository, chosen.digest);
};

const find = async (
  { manifests, proxy }: Services,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<StoredManifest | null> =>
  proxy === undefined ? manifests.get(repository, reference) : proxy.manifest(exchange, repository, reference);

/** Answers with a manifest. */
const sendManifest = (exchange: Exchange, { digest, mediaType, bytes }: StoredManifest): void => {
  const { request, response } = exchange;
  const etag = `"${digest}"`;
  if (request.headers["if-none-match"] === etag) {
    return send(exchange, 304, { etag, "docker-content-digest": digest });
  }
  response.writeHead(200, {
    "content-type": mediaType,
    "content-length": bytes.length,
    "docker-content-digest": digest,
    etag,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
};

/** **Source:** OCI distribution-spec, end-3. */
export const getManifest = async (services: Services, exchange: Exchange, route: ManifestRoute): Promise<void> => {
  const accept = readAccept(exchange.request.headers.accept);
  const known =
    services.proxy === undefined ? services.manifests.remembered(route.repository, route.reference) : undefined;
  let stored = known ?? (await find(services, exchange, route.repository, route.reference));
  if (stored === null) throw unknown(route);
  if (wantsPlatform(stored.mediaType, accept) && !isDigest(route.reference)) {
    stored = await forOnePlatform(services, exchange, route, stored);
    if (stored === null) throw unknown(route);
  }
  const reason = refusal(stored.mediaType, accept);
  if (reason !== undefined) throw fault("MANIFEST_UNKNOWN", { message: reason });
  sendManifest(exchange, stored);
  services.notifier.notify(exchange, {
    action: "pull",
    repository: route.repository,
    digest: stored.digest,
    mediaType: stored.mediaType,
    sizeBytes: stored.bytes.length,
    ...(isDigest(route.reference) ? {} : { tag: route.reference }),
  });
};

/** The tags that a push sets: the one in the path, or those in the query of a push by digest. */
const tagsOf = (route: ManifestRoute, query: URLSearchParams): string[] => {
  if (!isDigest(route.reference)) return [route.reference];
  const tags = query.getAll("tag");
  if (tags.length > maxTags) throw fault("TAG_INVALID", { message: `more than ${maxTags} tags` });
  for (const tag of tags) if (!isTag(tag)) throw fault("TAG_INVALID", { message: "invalid tag format", detail: tag });
  return tags;
};

/** **Source:** OCI distribution-spec, end-7a and end-7b. */
export const putManifest = async (services: Services, exchange: Exchange, route: ManifestRoute): Promise<void> => {
  const { repository, reference } = route;
  const tags = tagsOf(route, exchange.query);
  const bytes = await readBody(exchange, maxManifestBytes);
  const { digest, document } = await services.manifests.put(repository, {
    bytes,
    contentType: exchange.request.headers["content-type"] ?? "",
    digest: isDigest(reference) ? reference : undefined,
    tags,
  });
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    services.notifier.notify(exchange, {
      action: "push",
      repository,
      digest,
      mediaType: document.mediaType,
      sizeBytes: bytes.length,
      ...(tag === undefined ? {} : { tag }),
    });
  }
  const set = isDigest(reference) ? tags : [];
  if (set.length > 0) exchange.response.setHeader("oci-tag", set);
  send(exchange, 201, {
    location: exchange.location(`/v2/${repository}/manifests/${digest}`),
    "docker-content-digest": digest,
    ...(document.subject === undefined ? {} : { "oci-subject": document.subject }),
  });
};

/** **Source:** OCI distribution-spec, end-9: a digest goes with all its tags, a tag goes alone. */
export const deleteManifest = async (services: Services, exchange: Exchange, route: ManifestRoute): Promise<void> => {
  const { repository, reference } = route;
  if (isDigest(reference)) {
    if ((await services.manifests.remove(repository, reference)) === null) throw unknown(route);
    services.notifier.notify(exchange, { action: "delete", repository, digest: reference });
  } else {
    if (!(await services.manifests.untag(repository, reference))) throw unknown(route);
    services.notifier.notify(exchange, { action: "delete", repository, tag: reference });
  }
  send(exchange, 202, {});
};
