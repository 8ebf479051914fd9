// The distribution API by raw HTTP, for tests of registries: small pieces that each test puts together.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { digestOf } from "./image.ts";
import type { TestAnswer, TestRegistry } from "./registry.ts";

export const ociManifest = "application/vnd.oci.image.manifest.v1+json";
export const ociIndex = "application/vnd.oci.image.index.v1+json";
export const emptyConfig = Buffer.from("{}");

export const sha512Of = (bytes: Uint8Array): string => `sha512:${createHash("sha512").update(bytes).digest("hex")}`;

/** The answer, once its status is the expected one. */
export const expectStatus = (answer: TestAnswer, status: number): TestAnswer => {
  assert.equal(answer.status, status, answer.body.toString("utf8"));
  return answer;
};

/** The first error's code of an answer with this status. */
export const expectFault = (answer: TestAnswer, status: number, code: string): TestAnswer => {
  assert.equal(answer.status, status, answer.body.toString("utf8"));
  const { errors } = JSON.parse(answer.body.toString("utf8")) as { errors: { code: string; message: string }[] };
  assert.equal(errors[0]?.code, code);
  assert.ok((errors[0]?.message.length ?? 0) > 0);
  assert.match(String(answer.headers["content-type"]), /^application\/json/);
  return answer;
};

/** Begins an upload. @returns its address */
export const beginUpload = async (registry: TestRegistry, repository: string, query = ""): Promise<string> => {
  const answer = expectStatus(await registry.send("POST", `/v2/${repository}/blobs/uploads/${query}`), 202);
  const location = String(answer.headers["location"]);
  assert.match(String(answer.headers["docker-upload-uuid"]), /^[0-9a-f-]{36}$/);
  return location;
};

export const octets = { "content-type": "application/octet-stream" };

/** Pushes a blob by POST and PUT. @returns its digest */
export const pushBlob = async (
  registry: TestRegistry,
  repository: string,
  bytes: Uint8Array,
  digest = digestOf(bytes),
): Promise<string> => {
  const location = await beginUpload(registry, repository);
  // docker-registry's has a query already.
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  expectStatus(await registry.send("PUT", target.href, octets, bytes), 201);
  return digest;
};

const descriptor = (mediaType: string, bytes: Uint8Array, more = {}) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
  ...more,
});

export interface ManifestOptions {
  layers?: readonly Uint8Array[];
  config?: Uint8Array;
  artifactType?: string;
  subject?: { digest: string; size: number; mediaType: string };
  annotations?: Record<string, string>;
}

export const manifestOf = (options: ManifestOptions = {}): Buffer => {
  const { layers = [], config = emptyConfig, ...rest } = options;
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      ...rest,
      config: descriptor("application/vnd.oci.image.config.v1+json", config),
      layers: layers.map((layer) => descriptor("application/vnd.oci.image.layer.v1.tar", layer)),
    }),
  );
};

export const indexOf = (manifests: readonly Uint8Array[], more = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: manifests.map((manifest) => descriptor(ociManifest, manifest)),
      ...more,
    }),
  );

export const putManifest = (
  registry: TestRegistry,
  repository: string,
  reference: string,
  bytes: Uint8Array,
  type = ociManifest,
): Promise<TestAnswer> =>
  registry.send("PUT", `/v2/${repository}/manifests/${reference}`, { "content-type": type }, bytes);

/** Pushes a manifest with all that it needs. @returns its digest */
export const pushManifest = async (
  registry: TestRegistry,
  repository: string,
  reference: string,
  options: ManifestOptions = {},
): Promise<string> => {
  for (const layer of options.layers ?? []) await pushBlob(registry, repository, layer);
  await pushBlob(registry, repository, options.config ?? emptyConfig);
  const answer = expectStatus(await putManifest(registry, repository, reference, manifestOf(options)), 201);
  return String(answer.headers["docker-content-digest"]);
};

export const jsonOf = <T>(answer: TestAnswer): T => JSON.parse(answer.body.toString("utf8")) as T;
