/**
 * What unpacking one layer is made of, each part alone: decompressor, hash, extractor, disk.
 * node bench/images/parts.ts BLOB FOLDER — prints seconds as JSON. BLOB is a gzip layer; FOLDER is fresh, on the disk of the data root.
 */
import { closeSync, mkdirSync, openSync, readSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { extractArchive } from "../../src/oci/layer/unpack.ts";
import { fromDescriptor } from "../../src/oci/layer/tar/source.ts";
import { openDirectory } from "../../src/linux/file/open.ts";
import { must } from "../process.ts";

const pieceBytes = 1 << 20;
const [blob = "", folder = ""] = process.argv.slice(2);

const timed = async (work: () => unknown): Promise<number> => {
  await must(["/bin/sync"]);
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};

const hashOf = (path: string): void => {
  const [hash, piece, fd] = [createHash("sha256"), Buffer.allocUnsafe(pieceBytes), openSync(path, "r")];
  for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece)) hash.update(piece.subarray(0, count));
  closeSync(fd);
};

mkdirSync(folder, { recursive: true });
const tar = join(folder, "layer.tar");
const tree = join(folder, "tree");
mkdirSync(tree);
const decompressor = await timed(() => must(["/bin/sh", "-c", 'igzip -dc "$0" >/dev/null', blob]));
await must(["/bin/sh", "-c", 'igzip -dc "$0" >"$1"', blob, tar]);
const hash = await timed(() => {
  hashOf(tar);
  hashOf(blob);
});
const extractor = await timed(() => {
  const input = openSync(tar, "r");
  extractArchive(fromDescriptor(input), openDirectory(tree), { whiteouts: "overlay" });
  closeSync(input);
});
const disk = await timed(() => must(["/bin/dd", `if=${tar}`, `of=${join(folder, "copy")}`, "bs=1M", "status=none"]));
console.log(JSON.stringify({ decompressor, hash, extractor, disk }));
