import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const pieceBytes = 1 << 22;

const sha256Of = (path: string): string => {
  const [hash, piece, fd] = [createHash("sha256"), Buffer.allocUnsafe(pieceBytes), openSync(path, "r")];
  for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece)) hash.update(piece.subarray(0, count));
  closeSync(fd);
  return hash.digest("hex");
};

const shell = (script: string, ...args: string[]): void => {
  const { status, stderr } = spawnSync("/bin/bash", ["-c", script, "bash", ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
};

/**
 * Lays out, in the files of Debian's registry (distribution's filesystem driver), an image of random layers of 1 GB each:
 * 10 GB need not go through a client first.
 */
export const makeLargeImage = (registryData: string, work: string, layers: number): void => {
  const root = join(registryData, "docker/registry/v2");
  const repository = join(root, "repositories/bench/large");
  if (existsSync(join(repository, "_manifests/tags/1/current/link"))) return;
  mkdirSync(work, { recursive: true });
  const keep = (path: string, link: string): { digest: string; size: number } => {
    const hex = sha256Of(path);
    const { size } = statSync(path);
    const folder = join(root, "blobs/sha256", hex.slice(0, 2), hex);
    mkdirSync(folder, { recursive: true });
    renameSync(path, join(folder, "data"));
    mkdirSync(join(repository, link, "sha256", hex), { recursive: true });
    writeFileSync(join(repository, link, "sha256", hex, "link"), `sha256:${hex}`);
    return { digest: `sha256:${hex}`, size };
  };
  const made = Array.from({ length: layers }, (_, index) => {
    const tar = join(work, "layer.tar");
    shell(
      'cd "$1" && head -c 1000000000 /dev/urandom >"data-$2" && tar -cf "$3" "data-$2" && rm "data-$2"',
      work,
      String(index),
      tar,
    );
    const diffId = `sha256:${sha256Of(tar)}`;
    shell('igzip -1 -c "$1" >"$1.gz" && rm "$1"', tar);
    return { diffId, ...keep(`${tar}.gz`, "_layers") };
  });
  const document = (value: object, link: string): { digest: string; size: number } => {
    const path = join(work, "document");
    writeFileSync(path, JSON.stringify(value));
    return keep(path, link);
  };
  const rootfs = { type: "layers", diff_ids: made.map(({ diffId }) => diffId) };
  const config = document({ architecture: "amd64", os: "linux", config: { Cmd: ["/bin/true"] }, rootfs }, "_layers");
  const type = "application/vnd.docker.";
  const manifest = document(
    {
      schemaVersion: 2,
      mediaType: `${type}distribution.manifest.v2+json`,
      config: { mediaType: `${type}container.image.v1+json`, ...config },
      layers: made.map(({ digest, size }) => ({ mediaType: `${type}image.rootfs.diff.tar.gzip`, digest, size })),
    },
    "_manifests/revisions",
  );
  const hex = manifest.digest.slice(7);
  for (const folder of ["current", `index/sha256/${hex}`]) {
    mkdirSync(join(repository, "_manifests/tags/1", folder), { recursive: true });
    writeFileSync(join(repository, "_manifests/tags/1", folder, "link"), manifest.digest);
  }
};
