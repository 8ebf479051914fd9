import { closeSync, constants, openSync } from "node:fs";
import { rebuildTar } from "../journal/rebuild.ts";
import { JournalError } from "../journal/reader.ts";
import type { ArchivePart } from "./job.ts";
import type { Output } from "./output.ts";

/** Writes parts one after the other. @throws JournalError for one that has not as many bytes as it should */
export const assembleParts = (parts: readonly ArchivePart[], out: Output): void => {
  for (const part of parts) {
    if ("bytes" in part) {
      out.write(part.bytes);
      continue;
    }
    const before = out.totalBytes;
    if ("layer" in part) rebuildTar(part.layer, out);
    else copyFile(part.path, out);
    const written = out.totalBytes - before;
    if (written === part.sizeBytes) continue;
    const what = "layer" in part ? part.layer.root : part.path;
    throw new JournalError(`${what}: ${written} bytes where ${part.sizeBytes} were expected`);
  }
};

const copyFile = (path: string, out: Output): void => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let done = 0; ;) {
      const count = out.read(fd, Number.MAX_SAFE_INTEGER, done).length;
      if (count === 0) return;
      done += count;
    }
  } finally {
    closeSync(fd);
  }
};
