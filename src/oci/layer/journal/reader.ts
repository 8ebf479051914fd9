import { closeSync, openSync, readSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { frameBytesMax, magic, tags } from "./record.ts";
import type { JournalRecord } from "./record.ts";

/** A journal that is damaged. */
export class JournalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "JournalError";
  }
}

/**
 * The records of a journal in order. Their bytes are valid until the next one is asked for.
 *
 * @throws JournalError when the file is damaged.
 */
export function* readJournal(path: string): Generator<JournalRecord> {
  const fd = openSync(path, "r");
  try {
    if (!readExactly(fd, magic.length)?.equals(magic)) throw new JournalError(`${path}: not a tar journal`);
    for (let lengths = readExactly(fd, 8); lengths !== null; lengths = readExactly(fd, 8)) {
      const [packed, plain] = [lengths.readUInt32LE(0), lengths.readUInt32LE(4)];
      if (plain > frameBytesMax || packed > 2 * frameBytesMax) throw new JournalError(`${path}: damaged`);
      yield* recordsOf(unpack(readExactly(fd, packed), plain, path));
    }
  } finally {
    closeSync(fd);
  }
}

const unpack = (bytes: Buffer | null, plainBytes: number, path: string): Buffer => {
  try {
    const frame = zstdDecompressSync(bytes ?? Buffer.alloc(0), { maxOutputLength: plainBytes });
    if (frame.length === plainBytes) return frame;
  } catch {
    // Told apart from nothing else: the frame cannot be read.
  }
  throw new JournalError(`${path}: damaged`);
};

function* recordsOf(frame: Buffer): Generator<JournalRecord> {
  for (let at = 0; at < frame.length;) {
    const tag = frame[at];
    if (tag === tags.raw) {
      const length = frame.readUInt32LE(at + 1);
      yield { kind: "raw", bytes: frame.subarray(at + 5, at + 5 + length) };
      at += 5 + length;
    } else if (tag === tags.content) {
      const [offset, length, crc] = [
        frame.readDoubleLE(at + 1),
        frame.readDoubleLE(at + 9),
        frame.readUInt32LE(at + 17),
      ];
      const end = at + 23 + frame.readUInt16LE(at + 21);
      yield { kind: "content", path: frame.toString("latin1", at + 23, end), offset, length, crc };
      at = end;
    } else if (tag === tags.moved) {
      const end = at + 7 + frame.readUInt16LE(at + 5);
      yield { kind: "moved", orphan: frame.readUInt32LE(at + 1), path: frame.toString("latin1", at + 7, end) };
      at = end;
    } else throw new JournalError("tar journal: damaged");
  }
}

const readExactly = (fd: number, length: number): Buffer | null => {
  const bytes = Buffer.allocUnsafe(length);
  for (let offset = 0; offset < length;) {
    const count = readSync(fd, bytes, offset, length - offset, null);
    if (count === 0 && offset === 0) return null;
    if (count === 0) throw new JournalError("tar journal: damaged");
    offset += count;
  }
  return bytes;
};
