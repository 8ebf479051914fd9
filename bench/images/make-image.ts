import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { chooseFiles } from "./choose-files.ts";
import { fillLayerTree } from "./layer-tree.ts";

/** A layer, its blob a file. */
export interface MadeLayer {
  /** The files that it was made of, as they must be after a pull. */
  tree: string;
  blob: string;
  digest: string;
  sizeBytes: number;
  diffId: string;
  tarBytes: number;
}

/** An OCI image in files. No two layers have a path to a file in common. */
export interface MadeImage {
  layers: MadeLayer[];
  /** The image's id. */
  id: string;
  config: string;
  manifest: string;
  manifestDigest: string;
  manifestType: string;
  files: number;
}

export interface MakeImageOptions {
  /** Where all of it is kept: an image that was made there before with the same shape is taken again. */
  directory: string;
  layers?: number;
  /** Of all layers together; `bytes` are the files' own. */
  files?: number;
  bytes?: number;
  compression?: "gzip" | "zstd" | "none";
  seed?: number;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";
const suffixes = { gzip: "+gzip", zstd: "+zstd", none: "" };
const programs = { gzip: ["gzip", "-6", "-n", "-c"], zstd: ["zstd", "-3", "-q", "-c"], none: ["cat"] };
const config = {
  architecture: process.arch === "arm64" ? "arm64" : "amd64",
  os: "linux",
  config: { Cmd: ["/bin/true"] },
};

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Counts and hashes what passes. */
const meter = (): { stream: PassThrough; result: () => { digest: string; bytes: number } } => {
  const hash = createHash("sha256");
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  stream.pause();
  return { stream, result: () => ({ digest: `sha256:${hash.digest("hex")}`, bytes }) };
};

const packLayer = async (tree: string, blob: string, compression: "gzip" | "zstd" | "none"): Promise<MadeLayer> => {
  // What Go's writer makes: no times of access, PAX records only where ustar has no room.
  const format = ["--format=pax", "--pax-option=delete=atime,delete=ctime", "--sort=name", "--numeric-owner"];
  const tar = spawn("tar", ["--create", ...format, "--xattrs", "--xattrs-include=*", "-C", tree, "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [program = "", ...options] = programs[compression];
  const packer = spawn(program, options, { stdio: ["pipe", "pipe", "inherit"] });
  const [plain, packed] = [meter(), meter()];
  const ended = [tar, packer].map((child) => new Promise<number | null>((resolve) => child.on("exit", resolve)));
  await Promise.all([
    pipeline(tar.stdout, plain.stream, packer.stdin),
    pipeline(packer.stdout, packed.stream, createWriteStream(blob)),
  ]);
  for (const code of await Promise.all(ended)) if (code !== 0) throw new Error(`packing ${tree}: exit ${code}`);
  const { digest: diffId, bytes: tarBytes } = plain.result();
  const { digest, bytes: sizeBytes } = packed.result();
  return { tree, blob, digest, sizeBytes, diffId, tarBytes };
};

const makeLayers = async (options: Required<MakeImageOptions>): Promise<MadeLayer[]> => {
  const files = chooseFiles(options.files, options.bytes, options.seed);
  const layers: MadeLayer[] = [];
  const todo = Array.from({ length: options.layers }, (_, index) => index);
  const work = async (): Promise<void> => {
    for (let index = todo.shift(); index !== undefined; index = todo.shift()) {
      const tree = join(options.directory, `tree-${index}`);
      mkdirSync(tree);
      const share = files.length / options.layers;
      fillLayerTree(tree, index, files.slice(Math.round(index * share), Math.round((index + 1) * share)));
      layers[index] = await packLayer(tree, join(options.directory, `layer-${index}`), options.compression);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return layers;
};

/**
 * Makes an image of the given shape from files of this machine: by default that of the table (8 layers, 33,000
 * files, 921 MB). Takes minutes for a large one, so it is kept.
 */
export const makeImage = async (options: MakeImageOptions): Promise<MadeImage> => {
  const shape = { layers: 8, files: 33_000, bytes: 921e6, compression: "gzip" as const, seed: 1, ...options };
  const [record, key] = [join(shape.directory, "image.json"), JSON.stringify(shape)];
  if (existsSync(record)) {
    const kept = JSON.parse(readFileSync(record, "utf8")) as { key: string; image: MadeImage };
    if (kept.key === key) return kept.image;
  }
  rmSync(shape.directory, { recursive: true, force: true });
  mkdirSync(shape.directory, { recursive: true });
  const layers = await makeLayers(shape);
  const document = (name: string, value: object): { path: string; bytes: Buffer; digest: string } => {
    const [path, bytes] = [join(shape.directory, name), Buffer.from(JSON.stringify(value))];
    writeFileSync(path, bytes);
    return { path, bytes, digest: sha256(bytes) };
  };
  const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
  const imageConfig = document("config.json", { ...config, created: "2026-01-01T00:00:00Z", rootfs });
  const manifest = document("manifest.json", {
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: imageConfig.digest,
      size: imageConfig.bytes.length,
    },
    layers: layers.map(({ digest, sizeBytes }) => ({
      mediaType: `${layerType}${suffixes[shape.compression]}`,
      digest,
      size: sizeBytes,
    })),
  });
  const image: MadeImage = {
    layers,
    id: imageConfig.digest,
    config: imageConfig.path,
    manifest: manifest.path,
    manifestDigest: manifest.digest,
    manifestType,
    files: shape.files,
  };
  writeFileSync(record, JSON.stringify({ key, image }));
  return image;
};

/** Puts an image into a registry (`http://127.0.0.1:5000`) by plain requests. */
export const putImage = async (registry: string, image: MadeImage, name: string, tag: string): Promise<void> => {
  const send = async (method: string, url: string, init: RequestInit & { duplex?: "half" }, status: number) => {
    const answer = await fetch(url, { method, ...init });
    const text = await answer.text();
    if (answer.status !== status) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return answer;
  };
  const blobs = image.layers.map(({ digest, blob }) => ({ digest, path: blob }));
  for (const { digest, path } of [...blobs, { digest: image.id, path: image.config }]) {
    const begun = await send("POST", `${registry}/v2/${name}/blobs/uploads/`, {}, 202);
    const location = new URL(begun.headers.get("location") ?? "", registry);
    location.searchParams.set("digest", digest);
    const body = ReadableStream.from(createReadStream(path, { highWaterMark: 1 << 20 })) as unknown as NonNullable<
      RequestInit["body"]
    >;
    const headers = { "content-type": "application/octet-stream" };
    await send("PUT", location.href, { body, duplex: "half", headers }, 201);
  }
  const headers = { "content-type": image.manifestType };
  await send("PUT", `${registry}/v2/${name}/manifests/${tag}`, { body: readFileSync(image.manifest), headers }, 201);
};
