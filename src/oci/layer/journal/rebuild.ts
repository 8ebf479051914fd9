import { closeSync, constants, existsSync } from "node:fs";
import { crc32 } from "node:zlib";
import { O_NOFOLLOW, resolve } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { pathOf, textOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import type { ArchiveSink } from "../sink.ts";
import { JournalError, readJournal } from "./reader.ts";

export interface JournalPlace {
  /** The layer's files. */
  root: string;
  /** The journal's file. */
  journal: string;
  /** Content that was replaced by a later member; the directory is there only when there is any. */
  orphans: string;
}

/**
 * Writes a layer's archive again, byte for byte, from its files and its journal. Synchronous: for worker threads.
 *
 * @throws JournalError when the journal is damaged or a file is not what it was.
 */
export const rebuildTar = (place: JournalPlace, sink: ArchiveSink): void => {
  const moves = movesOf(place);
  const root = openDirectory(place.root);
  const orphans = moves.size > 0 ? openDirectory(place.orphans) : -1;
  try {
    let position = 0;
    for (const record of readJournal(place.journal)) {
      if (record.kind === "raw") sink.write(record.bytes);
      else if (record.kind === "content") {
        const moved = findMove(moves, record.path, position);
        copyContent(moved === null ? root : orphans, moved ?? record.path, record, sink);
      }
      position++;
    }
  } finally {
    closeSync(root);
    if (orphans !== -1) closeSync(orphans);
  }
};

/** A move: after how many records it came, and to which orphan. */
interface Move {
  position: number;
  orphan: number;
}
type Moves = Map<ByteString, Move[]>;

const movesOf = (place: JournalPlace): Moves => {
  const moves: Moves = new Map();
  if (!existsSync(place.orphans)) return moves;
  let position = 0;
  for (const record of readJournal(place.journal)) {
    if (record.kind === "moved") {
      const list = moves.get(record.path) ?? [];
      list.push({ position, orphan: record.orphan });
      moves.set(record.path, list);
    }
    position++;
  }
  return moves;
};

/** Where what was written to `path` at `position` has gone: itself or a directory above it may have been moved. */
const findMove = (moves: Moves, path: ByteString, position: number): ByteString | null => {
  if (moves.size === 0) return null;
  let found: { move: Move; rest: ByteString } | null = null;
  for (let end = path.length; end !== -1; end = path.lastIndexOf("/", end - 1)) {
    const move = firstAfter(moves.get(path.slice(0, end)) ?? [], position);
    if (move !== null && (found === null || move.position < found.move.position))
      found = { move, rest: path.slice(end) };
    if (end === 0) break;
  }
  return found === null ? null : `${found.move.orphan}${found.rest}`;
};

const firstAfter = (list: readonly Move[], position: number): Move | null => {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.position ?? 0) > position) high = middle;
    else low = middle + 1;
  }
  return list[low] ?? null;
};

const exact = resolve.beneath | resolve.noSymlinks | resolve.noMagicLinks;

const copyContent = (
  directory: number,
  path: ByteString,
  { offset, length, crc }: { offset: number; length: number; crc: number },
  sink: ArchiveSink,
): void => {
  const fd = openat2(directory, pathOf(path), {
    flags: constants.O_RDONLY | O_NOFOLLOW | constants.O_NONBLOCK,
    resolve: exact,
  });
  try {
    let sum = 0;
    for (let done = 0; done < length;) {
      const part = sink.read(fd, length - done, offset + done);
      if (part.length === 0) throw new JournalError(`${textOf(path)}: shorter than it was unpacked`);
      sum = crc32(part, sum);
      done += part.length;
    }
    if (sum !== crc) throw new JournalError(`${textOf(path)}: changed since it was unpacked`);
  } finally {
    closeSync(fd);
  }
};
