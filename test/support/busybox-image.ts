import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeTar, type TarEntry } from "./tar-archive.ts";

/** Applets that scripts under test call by name. */
const applets = (
  "ash awk cat chmod chown cp cut date dd df du echo env false find grep head hostname httpd id ip kill killall ln ls md5sum " +
  "mkdir mkfifo mount mv nc nslookup ping printf ps pwd readlink reset rm sed seq sh sleep sort stat stty sync tail tar test " +
  "timeout top touch tr true tty ulimit umount uname uniq vi wc wget whoami xargs yes"
).split(" ");

const sha256 = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");
const directory = (name: string, mode = 0o755): TarEntry => ({ name, type: "5", mode });
const file = (name: string, content: string): TarEntry => ({ name, content });

const layerEntries = (): TarEntry[] => [
  ...["bin/", "dev/", "etc/", "home/", "home/app/", "proc/", "sys/", "usr/", "usr/bin/", "var/", "www/"].map((name) =>
    directory(name),
  ),
  directory("root/", 0o700),
  directory("tmp/", 0o1777),
  { name: "bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
  ...applets.map((name): TarEntry => ({ name: `bin/${name}`, type: "2", mode: 0o777, linkname: "busybox" })),
  file(
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  ),
  file("etc/group", "root:x:0:\napp:x:1000:\nextra:x:2000:app\nnogroup:x:65534:\n"),
  directory("data/"),
  { ...file("data/seed", "seed of the image\n"), uid: 1000, gid: 1000, mode: 0o640 },
  file("www/index.html", "hello from busybox\n"),
];

export interface ImageOptions {
  /** `name:tag`s; empty for an image without a name. */
  tags?: string[];
  /** Image config (`config` of the OCI image config): Env, Cmd, Labels … over the defaults. */
  config?: Record<string, unknown>;
  /** Layers on top of the busybox one. */
  layers?: TarEntry[][];
  /** RFC 3339; images are listed newest first. */
  created?: string;
  /** Leaves the busybox layer out. */
  bare?: boolean;
}

/**
 * A docker-archive (`docker load`) of an image made from this machine's static busybox: one layer, deterministic bytes.
 * **Source:** image-spec v1.1 config.md; the `docker save` layout of manifest.json.
 */
export const busyboxArchive = (options: ImageOptions = {}): Buffer => {
  const layers = [...(options.bare ? [] : [layerEntries()]), ...(options.layers ?? [])].map(writeTar);
  const created = options.created ?? "2024-01-02T03:04:05Z";
  const config = JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
      ...options.config,
    },
    created,
    history: layers.map((_, index) => ({
      created,
      created_by: `layer ${index}`,
      ...(index === 0 ? { comment: "busybox" } : {}),
    })),
    os: "linux",
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  });
  const configName = `${sha256(config)}.json`;
  const layerName = (index: number) => `${index}/layer.tar`;
  const manifest = [
    {
      Config: configName,
      RepoTags: options.tags ?? ["busybox:latest"],
      Layers: layers.map((_, index) => layerName(index)),
    },
  ];
  return writeTar([
    file(configName, config),
    ...layers.map((layer, index): TarEntry => ({ name: layerName(index), content: layer })),
    file("manifest.json", JSON.stringify(manifest)),
  ]);
};

/** The id (config digest) that loading an archive of `busyboxArchive` gives. */
export const archiveImageId = (archive: Buffer): string => {
  const name = archive.toString("utf8", 0, 100).replaceAll("\0", "");
  return `sha256:${name.slice(0, 64)}`;
};
