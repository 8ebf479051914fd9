// Images made in memory, for tests: layers, config and manifest with their digests.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tar } from "./raw-tar.ts";
import type { TarEntry } from "./raw-tar.ts";

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export interface TestLayer {
  tar: Buffer;
  diffId: string;
  /** As it is stored in a registry. */
  blob: Buffer;
  digest: string;
  mediaType: string;
}

export interface TestImage {
  layers: TestLayer[];
  config: Buffer;
  /** The image id. */
  id: string;
  manifest: Buffer;
  manifestType: string;
  manifestDigest: string;
}

export type Compression = "none" | "gzip" | "zstd";

const layerTypes: Record<Compression, string> = {
  none: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
};

const compress: Record<Compression, (bytes: Buffer) => Buffer> = {
  none: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  zstd: (bytes) => zstdCompressSync(bytes),
};

export const layerOf = (entries: readonly TarEntry[] | Buffer, compression: Compression = "gzip"): TestLayer => {
  const bytes = Buffer.isBuffer(entries) ? entries : tar(entries);
  const blob = compress[compression](bytes);
  return {
    tar: bytes,
    diffId: digestOf(bytes),
    blob,
    digest: digestOf(blob),
    mediaType: layerTypes[compression],
  };
};

export interface ImageOptions {
  layers: TestLayer[];
  /** Keys of the image config that replace or add to the usual ones. */
  config?: Record<string, unknown>;
  oci?: boolean;
}

const types = {
  docker: {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
  },
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
  },
};

/** An image for linux/amd64 of the given layers; `config` may spoil it. */
export const imageOf = (options: ImageOptions): TestImage => {
  const { layers, oci = false } = options;
  const type = oci ? types.oci : types.docker;
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      config: { Cmd: ["sh"], Env: ["PATH=/bin"], Labels: { maker: "test" } },
      created: "2024-05-06T07:08:09.123456789Z",
      history: layers.map((_, index) => ({ created: "2024-05-06T07:08:09Z", created_by: `step ${index}` })),
      os: "linux",
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      ...options.config,
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: type.manifest,
        config: { mediaType: type.config, size: config.length, digest: digestOf(config) },
        layers: layers.map(({ mediaType, blob, digest }) => ({ mediaType, size: blob.length, digest })),
      },
      null,
      3,
    ),
  );
  return {
    layers,
    config,
    id: digestOf(config),
    manifest,
    manifestType: type.manifest,
    manifestDigest: digestOf(manifest),
  };
};

/** The layer of an image that can run: Debian's static busybox with a few names. */
export const busyboxLayer = (names: readonly string[] = ["sh", "echo", "cat", "ls", "sleep", "true"]): TestLayer =>
  layerOf([
    { name: "bin/", type: "5" },
    { name: "bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
    ...names.map((name) => ({ name: `bin/${name}`, type: "1", linkname: "bin/busybox", mode: 0o755 })),
    { name: "etc/", type: "5" },
    { name: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
    { name: "tmp/", type: "5", mode: 0o1777 },
  ]);

/** A layer whose tar must come back byte for byte: what tools and people put in tars. */
export const oddLayer = (): TestLayer =>
  layerOf([
    { name: "z-last-first/", type: "5", mode: 0o700, uid: 1000, gid: 1000 },
    { name: "./a/", type: "5" },
    { name: "a/file", content: "hello\n", mode: 0o4755, mtime: 1 },
    { name: "a/hard", type: "1", linkname: "a/file" },
    { name: "a/soft", type: "2", linkname: "../z-last-first/no where" },
    { name: "a/empty", content: "" },
    { name: "a/pipe", type: "6" },
    { name: "a/null", type: "3", devmajor: 1, devminor: 3, mode: 0o666 },
    {
      name: "a/short",
      content: "x",
      pax: { path: `a/${"long-name-ünï-".repeat(12)}end`, mtime: "1700000000.123456789" },
    },
    { name: "a/attributes", content: "y", pax: { "SCHILY.xattr.user.note": "kept" } },
    { name: "a/large", content: Buffer.alloc(70_000, 7) },
    { name: "a/file-of-big-owner", content: "z", pax: { uid: "3000000", gid: "3000001" } },
  ]);

/** A docker-archive (`docker save` of old) of images, each with its tags, as uncompressed or compressed layers. */
export const dockerArchive = (
  images: readonly { image: TestImage; tags: readonly string[] }[],
  options: { blobs?: boolean } = {},
): Buffer => {
  const entries: TarEntry[] = [];
  const seen = new Set<string>();
  const add = (name: string, content: Buffer): void => {
    if (seen.has(name)) return;
    seen.add(name);
    entries.push({ name, content });
  };
  const manifest = images.map(({ image, tags }) => {
    const config = `${image.id.slice(7)}.json`;
    add(config, image.config);
    const layers = image.layers.map((layer) => {
      const name = `${layer.diffId.slice(7)}/layer.tar`;
      add(name, options.blobs === true ? layer.blob : layer.tar);
      return name;
    });
    return { Config: config, RepoTags: tags.length === 0 ? null : tags, Layers: layers };
  });
  add("manifest.json", Buffer.from(JSON.stringify(manifest)));
  return tar(entries);
};
