import { algorithmOf } from "../../../oci/digest.ts";
import type { Digest } from "../../../oci/digest.ts";
import { fault } from "../../fault.ts";
import { isRepositoryName } from "../../name.ts";
import type { Services } from "../../services.ts";
import type { UploadSession } from "../../upload/session.ts";
import { send, wantBody } from "../exchange.ts";
import type { Exchange } from "../exchange.ts";
import { readContentRange } from "../range.ts";
import { checkDigest } from "../route.ts";

const algorithms = new Set(["sha256", "sha384", "sha512"]);

const describe = (exchange: Exchange, session: UploadSession): Record<string, string> => ({
  location: exchange.location(`/v2/${session.record.repository}/blobs/uploads/${session.id}`),
  "docker-upload-uuid": session.id,
  range: `0-${Math.max(session.sizeBytes - 1, 0)}`,
});

const bodyLength = ({ request }: Exchange): number | undefined => {
  const header = request.headers["content-length"];
  return header === undefined ? undefined : Number(header);
};

const hasBody = (exchange: Exchange): boolean =>
  (bodyLength(exchange) ?? 0) > 0 || exchange.request.headers["transfer-encoding"] !== undefined;

/** Takes the body of a request into an upload, when it fits to what is there. */
const append = async (services: Services, exchange: Exchange, session: UploadSession): Promise<void> => {
  const { repository } = session.record;
  const range = readContentRange(exchange.request.headers["content-range"]);
  const length = bodyLength(exchange);
  const wrong =
    range === null ||
    (range !== undefined && range.start !== session.sizeBytes) ||
    (range !== undefined && length !== undefined && range.end - range.start !== length);
  // A final PUT without a body may carry a range of nothing.
  if (wrong && hasBody(exchange)) throw fault("RANGE_INVALID", { headers: describe(exchange, session) });
  if (!hasBody(exchange)) return;
  const mayHave = services.quota.leftBytes(repository) - session.sizeBytes;
  const exceeded = () =>
    fault("DENIED", { message: `the quota of ${repository} is exceeded: ${Math.max(mayHave, 0)} bytes are left` });
  if (length !== undefined && length > mayHave) throw exceeded();
  let received = 0;
  await session.append(wantBody(exchange), {
    onChunk: (bytes) => {
      received += bytes;
      services.metrics.received(bytes);
      if (received > mayHave) throw exceeded();
      if (range && received > range.end - range.start) {
        throw fault("SIZE_INVALID", { message: "the chunk is longer than its range" });
      }
    },
  });
};

/** Compares an upload with its digest and makes it a blob. */
const finish = async (
  services: Services,
  exchange: Exchange,
  session: UploadSession,
  digest: Digest,
): Promise<void> => {
  const { repository } = session.record;
  const { sizeBytes } = session;
  const { socket } = exchange.request;
  const idleMs = socket.timeout ?? 0;
  // The client waits in silence while a large blob is hashed from its start, or sent on to S3.
  socket.setTimeout(0);
  try {
    await session.verify(digest);
    await services.blobs.commit(repository, digest, session.path);
  } finally {
    socket.setTimeout(idleMs);
    await services.uploads.remove(session);
  }
  services.notifier.notify(exchange, { action: "push", repository, digest, sizeBytes });
  sendCreated(exchange, repository, digest);
};

const sendCreated = (exchange: Exchange, repository: string, digest: Digest): void =>
  send(exchange, 201, {
    location: exchange.location(`/v2/${repository}/blobs/${digest}`),
    "docker-content-digest": digest,
  });

/** Refuses what is over the quota before a byte of it has come. */
const admit = (services: Services, repository: string): void => {
  if (services.quota.leftBytes(repository) <= 0) {
    throw fault("DENIED", { message: `the quota of ${repository} is exceeded: 0 bytes are left` });
  }
};

/** **Source:** OCI distribution-spec, end-4a, end-4b and end-11. */
export const postUpload = async (
  services: Services,
  exchange: Exchange,
  { repository }: { repository: string },
): Promise<void> => {
  const { query } = exchange;
  const mount = query.get("mount");
  const from = query.get("from");
  if (mount !== null && from !== null && isRepositoryName(from)) {
    const digest = checkDigest(mount);
    if (await services.blobs.mount(from, repository, digest)) {
      services.notifier.notify(exchange, { action: "mount", repository, digest, from });
      return sendCreated(exchange, repository, digest);
    }
  }
  admit(services, repository);
  const given = query.get("digest");
  const digest = given === null ? undefined : checkDigest(given);
  const algorithm = digest === undefined ? (query.get("digest-algorithm") ?? "sha256") : algorithmOf(digest);
  if (!algorithms.has(algorithm)) {
    throw fault("DIGEST_INVALID", { message: "unsupported digest algorithm", detail: algorithm.slice(0, 64) });
  }
  const session = await services.uploads.create(repository, algorithm);
  if (digest !== undefined && hasBody(exchange)) {
    await session.alone(async () => {
      try {
        await append(services, exchange, session);
      } catch (error) {
        await services.uploads.remove(session);
        throw error;
      }
      await finish(services, exchange, session, digest);
    });
    return undefined;
  }
  return send(exchange, 202, describe(exchange, session));
};

interface UploadRoute {
  repository: string;
  id: string;
}

/** **Source:** OCI distribution-spec, end-13. */
export const getUpload = async (services: Services, exchange: Exchange, route: UploadRoute): Promise<void> => {
  const session = await services.uploads.find(route.repository, route.id);
  send(exchange, 204, describe(exchange, session));
};

/** **Source:** OCI distribution-spec, end-5. */
export const patchUpload = async (services: Services, exchange: Exchange, route: UploadRoute): Promise<void> => {
  const session = await services.uploads.find(route.repository, route.id);
  await session.alone(() => append(services, exchange, session));
  send(exchange, 202, describe(exchange, session));
};

/** **Source:** OCI distribution-spec, end-6. */
export const putUpload = async (services: Services, exchange: Exchange, route: UploadRoute): Promise<void> => {
  const given = exchange.query.get("digest");
  if (given === null) throw fault("DIGEST_INVALID", { message: "digest parameter is missing" });
  const digest = checkDigest(given);
  const session = await services.uploads.find(route.repository, route.id);
  await session.alone(async () => {
    await append(services, exchange, session);
    await finish(services, exchange, session, digest);
  });
};

/** **Source:** OCI distribution-spec, end-14. */
export const deleteUpload = async (services: Services, exchange: Exchange, route: UploadRoute): Promise<void> => {
  const session = await services.uploads.find(route.repository, route.id);
  await session.alone(() => services.uploads.remove(session));
  send(exchange, 204, {});
};
