import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { HashAnswer, HashMessage } from "./hash-job.ts";

// The program of a thread that hashes files while they are written. It reads them back from the page cache: a copy of
// the bytes costs a tenth of their hash, and nothing has to be handed over.

const blockBytes = 1024 * 1024;
const block = Buffer.allocUnsafeSlow(blockBytes);

interface OpenFile {
  fd: number;
  hash: Hash;
  position: number;
  error?: string;
}

const files = new Map<number, OpenFile>();

const open = (path: string, algorithm: string): OpenFile => {
  const hash = createHash(algorithm);
  try {
    return { fd: openSync(path, "r"), hash, position: 0 };
  } catch (error) {
    return { fd: -1, hash, position: 0, error: String(error) };
  }
};

const advance = (file: OpenFile, toBytes: number): void => {
  if (file.error !== undefined) return;
  try {
    while (file.position < toBytes) {
      const read = readSync(file.fd, block, 0, Math.min(blockBytes, toBytes - file.position), file.position);
      if (read === 0) throw new Error(`the upload ends at ${file.position} of ${toBytes} bytes`);
      file.hash.update(block.subarray(0, read));
      file.position += read;
    }
  } catch (error) {
    file.error = String(error);
  }
};

const answer = (message: HashAnswer): void => parentPort?.postMessage(message);

parentPort?.on("message", (message: HashMessage) => {
  const { id } = message;
  if (message.kind === "open") {
    files.set(id, open(message.path, message.algorithm));
    return;
  }
  const file = files.get(id);
  if (file === undefined) return;
  if (message.kind === "advance") return advance(file, message.toBytes);
  if (message.kind === "finish") {
    advance(file, message.toBytes);
    answer(file.error === undefined ? { id, hex: file.hash.digest("hex") } : { id, error: file.error });
  }
  files.delete(id);
  if (file.fd >= 0) closeSync(file.fd);
});
