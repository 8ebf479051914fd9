import type { Digest } from "../../../oci/digest.ts";
import { fault } from "../../fault.ts";
import type { Services } from "../../services.ts";
import type { StoredObject } from "../../storage/storage.ts";
import { send } from "../exchange.ts";
import type { Exchange } from "../exchange.ts";
import { readRange } from "../range.ts";
import { sendFile } from "../send-file.ts";
import { sendPieces } from "../send-pieces.ts";

const headersOf = (digest: Digest): Record<string, string> => ({
  "content-type": "application/octet-stream",
  "docker-content-digest": digest,
  "accept-ranges": "bytes",
  "cache-control": "max-age=31536000",
  etag: `"${digest}"`,
});

/** Answers with a stored object, whole or a part of it. */
export const sendStored = async (exchange: Exchange, digest: Digest, stored: StoredObject): Promise<void> => {
  const { request, response } = exchange;
  const headers = headersOf(digest);
  const { sizeBytes } = stored;
  const condition = request.headers["if-range"];
  const usable = typeof condition !== "string" || condition === headers["etag"];
  const range = usable ? readRange(request.headers.range, sizeBytes) : undefined;
  if (range === null) {
    throw fault("RANGE_INVALID", {
      message: "the requested range is not in the blob",
      headers: { "content-range": `bytes */${sizeBytes}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    "content-length": end - start,
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` }),
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  exchange.bodyBytes = end - start;
  if (!(await sendFile(response, stored, start, end, exchange.transfers)))
    await sendPieces(response, stored.pieces(start, end));
};

/** **Source:** OCI distribution-spec, end-2. */
export const getBlob = async (
  services: Services,
  exchange: Exchange,
  route: { repository: string; digest: Digest },
): Promise<void> => {
  const { repository, digest } = route;
  const { request } = exchange;
  if (services.proxy !== undefined) return services.proxy.blob(exchange, repository, digest);
  if (request.headers["if-none-match"] === `"${digest}"` && (await services.blobs.stat(repository, digest)) !== null) {
    return send(exchange, 304, { etag: `"${digest}"`, "docker-content-digest": digest });
  }
  if (request.method === "HEAD" && request.headers.range === undefined) {
    const sizeBytes = await services.blobs.stat(repository, digest);
    if (sizeBytes === null) throw fault("BLOB_UNKNOWN", { detail: digest });
    exchange.response.writeHead(200, { ...headersOf(digest), "content-length": sizeBytes });
    exchange.response.end();
    return undefined;
  }
  await using stored = await services.blobs.open(repository, digest);
  if (stored === null) throw fault("BLOB_UNKNOWN", { detail: digest });
  await sendStored(exchange, digest, stored);
  services.notifier.notify(exchange, { action: "pull", repository, digest, sizeBytes: stored.sizeBytes });
  return undefined;
};

/** **Source:** OCI distribution-spec, end-10. */
export const deleteBlob = async (
  services: Services,
  exchange: Exchange,
  route: { repository: string; digest: Digest },
): Promise<void> => {
  await services.blobs.remove(route.repository, route.digest);
  services.notifier.notify(exchange, { action: "delete", ...route });
  send(exchange, 202, { "docker-content-digest": route.digest });
};
