import { fstatSync } from "node:fs";
import { close, identityAt, openLog } from "./files.ts";
import type { LogFile } from "./files.ts";
import { allLines, readCompressedLines, readLines } from "./blocks.ts";
import type { Position } from "./blocks.ts";
import { Changes } from "./changes.ts";
import type { BlockPool } from "./pool.ts";
import { RecordScanner } from "./scanner.ts";
import type { Selection } from "./scanner.ts";
import { findTail } from "./tail.ts";
import { msUntil } from "../time.ts";

export interface ReadOptions extends Selection {
  /** How many of the last records, or null for all. */
  tail: number | null;
  /** Goes on with what is written later, until `ended`. */
  follow: boolean;
  /** Fulfilled once nothing will be written any more: the container has exited. */
  ended: Promise<unknown>;
  signal: AbortSignal;
  /** Where output comes from; the caller may give it back. */
  pool?: BlockPool;
}

/** Longer timers fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Reads a log of the json-file format over all its files. Without `follow` it ends with what was there at the
 * beginning, even while the container writes on.
 */
export const readLog = async function* (path: string, options: ReadOptions): AsyncGenerator<Buffer> {
  using changes = options.follow ? new Changes(path) : null;
  const files = openLog(path);
  try {
    const scanner = new RecordScanner(options, options.pool?.take);
    const last = yield* readFiles(files, scanner, options);
    if (changes === null || scanner.finished || options.signal.aborted) return;
    yield* followFile(path, files, last, scanner, changes, options);
  } finally {
    close(files);
  }
};

/** Reads what is there. @returns where the newest file was read to. */
const readFiles = async function* (
  files: readonly LogFile[],
  scanner: RecordScanner,
  { tail, signal }: ReadOptions,
): AsyncGenerator<Buffer, Position> {
  const from = tail === null ? { file: 0, at: 0, skip: 0 } : await findTail(files, tail);
  const position = { at: 0 };
  for (const [index, file] of files.entries()) {
    if (index < from.file) continue;
    position.at = index === from.file ? from.at : 0;
    scanner.skip = index === from.file ? from.skip : 0;
    const lines = file.compressed ? readCompressedLines(file) : readLines(file, position, file.sizeBytes);
    yield* scanAll(lines, scanner, signal);
    if (scanner.finished || signal.aborted) break;
  }
  return position;
};

const scanAll = async function* (
  lines: AsyncGenerator<Buffer>,
  scanner: RecordScanner,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const block of lines) {
    yield* scanner.scan(block);
    if (scanner.finished || signal.aborted) return;
  }
};

/** Reads on from the newest file, and from those that rotation puts in its place. */
const followFile = async function* (
  path: string,
  files: LogFile[],
  position: Position,
  scanner: RecordScanner,
  changes: Changes,
  { ended, until, signal, pool }: ReadOptions,
): AsyncGenerator<Buffer> {
  let over = false;
  const finish = (): void => {
    over = true;
    changes.notify();
  };
  void ended.then(finish, finish);
  signal.addEventListener("abort", finish, { once: true });
  const untilMs = until === null ? maxTimerMs : Math.max(0, msUntil(until, Date.now()));
  const timer = untilMs < maxTimerMs ? setTimeout(finish, untilMs).unref() : undefined;
  try {
    for (;;) {
      changes.clear();
      // Read before the file is: what was written before the end is then seen.
      const last = over;
      const current = files.at(-1);
      const renamed = identityAt(path) !== (current?.identity ?? null);
      if (current !== undefined && !current.compressed) yield* readOn(current, position, scanner, signal);
      if (scanner.finished || signal.aborted) return;
      const next = renamed ? openLog(path, current) : [];
      if (next.length > 0) {
        // Between the rotated file and the newest there may be others, complete already.
        for (const file of next.slice(0, -1)) yield* scanAll(allLines(file), scanner, signal);
        close(files.splice(0));
        files.push(...next);
        position.at = 0;
        continue;
      }
      if (last) return;
      scanner.rest();
      pool?.drop();
      await changes.next();
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", finish);
  }
};

const readOn = async function* (
  file: LogFile,
  position: Position,
  scanner: RecordScanner,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // Someone emptied the file in place: what is written next stands at its start.
  if (fstatSync(file.fd).size < position.at) position.at = 0;
  yield* scanAll(readLines(file, position, Number.MAX_SAFE_INTEGER), scanner, signal);
};
