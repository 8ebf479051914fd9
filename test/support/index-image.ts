// Multi-platform images made in memory: an index of images, and attestations as BuildKit attaches them.
import { digestOf, imageOf } from "./image.ts";
import type { ImageOptions, TestImage } from "./image.ts";
import type { TestRegistry } from "./registry.ts";

export interface TestPlatform {
  os: string;
  architecture: string;
  variant?: string;
}

interface TestDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: TestPlatform;
  annotations?: Record<string, string>;
}

/** A manifest that is no image, with the blobs that it names. */
export interface TestArtifact {
  manifest: Buffer;
  manifestDigest: string;
  blobs: Buffer[];
}

export interface TestIndex {
  index: Buffer;
  digest: string;
  type: string;
  images: TestImage[];
  artifacts: TestArtifact[];
  entries: TestDescriptor[];
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociIndex = "application/vnd.oci.image.index.v1+json";

/** An image for a platform; its configuration says so too. */
export const imageFor = (platform: TestPlatform, options: ImageOptions): TestImage =>
  imageOf({ oci: true, ...options, config: { ...platform, ...options.config } });

/** An in-toto statement with a predicate of this type. */
export const statementOf = (predicateType: string, about: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType,
      subject: [{ name: "x", digest: { sha256: about.slice(7) } }],
      predicate: { made: "by hand" },
    }),
  );

/** An attestation manifest as BuildKit makes it: a layer for each statement. */
export const attestationOf = (about: TestImage, predicateTypes: readonly string[]): TestArtifact => {
  const statements = predicateTypes.map((type) => statementOf(type, about.manifestDigest));
  const config = Buffer.from(
    JSON.stringify({
      architecture: "unknown",
      os: "unknown",
      config: {},
      rootfs: { type: "layers", diff_ids: statements.map(digestOf) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(config),
        size: config.length,
      },
      layers: statements.map((bytes, i) => ({
        mediaType: "application/vnd.in-toto+json",
        digest: digestOf(bytes),
        size: bytes.length,
        annotations: { "in-toto.io/predicate-type": predicateTypes[i] ?? "" },
      })),
    }),
  );
  return { manifest, manifestDigest: digestOf(manifest), blobs: [config, ...statements] };
};

/** An index of images, in order, each with its attestation behind them. */
export const indexOf = (
  images: readonly { image: TestImage; platform?: TestPlatform; attestation?: TestArtifact }[],
): TestIndex => {
  const entries = images.map(({ image, platform }) => ({
    mediaType: image.manifestType,
    digest: image.manifestDigest,
    size: image.manifest.length,
    ...(platform === undefined ? {} : { platform }),
  }));
  const attached = images.flatMap(({ image, attestation }) =>
    attestation === undefined
      ? []
      : [
          {
            mediaType: ociManifest,
            digest: attestation.manifestDigest,
            size: attestation.manifest.length,
            annotations: {
              "vnd.docker.reference.digest": image.manifestDigest,
              "vnd.docker.reference.type": "attestation-manifest",
            },
            platform: { architecture: "unknown", os: "unknown" },
          },
        ],
  );
  const all: TestDescriptor[] = [...entries, ...attached];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: all }, null, 2));
  return {
    index,
    digest: digestOf(index),
    type: ociIndex,
    images: images.map(({ image }) => image),
    artifacts: images.flatMap(({ attestation }) => attestation ?? []),
    entries: all,
  };
};

/** Puts an index with everything that it names into a registry. */
export const putIndex = async (registry: TestRegistry, made: TestIndex, name: string, tag: string): Promise<void> => {
  const put = async (reference: string, type: string, bytes: Buffer): Promise<void> => {
    const path = `/v2/${name}/manifests/${reference}`;
    const { status, body } = await registry.send("PUT", path, { "content-type": type }, bytes);
    if (status !== 201) throw new Error(`${reference}: ${status} ${body.toString("utf8")}`);
  };
  for (const image of made.images) await registry.put(image, name, image.manifestDigest);
  for (const { manifest, manifestDigest, blobs } of made.artifacts) {
    for (const bytes of blobs) {
      const begun = await registry.send("POST", `/v2/${name}/blobs/uploads/`);
      const location = new URL(String(begun.headers["location"]));
      location.searchParams.set("digest", digestOf(bytes));
      await registry.send("PUT", location.href, { "content-type": "application/octet-stream" }, bytes);
    }
    await put(manifestDigest, ociManifest, manifest);
  }
  await put(tag, made.type, made.index);
};
