import { closeSync, fstatSync, openSync, readdirSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isCode } from "../../../linux/error.ts";

/** A file of a log, held open: it stays readable when it is renamed or removed meanwhile. */
export interface LogFile {
  fd: number;
  /** Device and inode: what a file keeps through every rename. */
  identity: string;
  compressed: boolean;
  sizeBytes: number;
  modifiedMs: number;
}

/** How often the files are opened anew because a rotation came in between. */
const maxAttempts = 20;

const identityOf = (stat: BigIntStats): string => `${stat.dev}:${stat.ino}`;

const open = (path: string): LogFile | null => {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
  const stat = fstatSync(fd, { bigint: true });
  return {
    fd,
    identity: identityOf(stat),
    compressed: path.endsWith(".gz"),
    sizeBytes: Number(stat.size),
    modifiedMs: Number(stat.mtimeMs),
  };
};

export const close = (files: Iterable<LogFile>): void => {
  for (const { fd } of files) closeSync(fd);
};

/** Which file a path names now; null for none. */
export const identityAt = (path: string): string | null => {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : identityOf(stat);
};

/**
 * Opens a log and what was rotated away from it (`x.log.1` is newer than `x.log.2`; either may be `.gz`), the oldest
 * first. The shim renames at any moment; the files are opened from the newest on, and again when `x.log` was another
 * one by the end, so that none is missed and none comes twice.
 *
 * @param after only files younger than this one are opened.
 */
export const openLog = (path: string, after?: LogFile): LogFile[] => {
  for (let attempt = 1; ; attempt++) {
    const files = openOnce(path, after);
    const newest = files.at(-1)?.identity ?? after?.identity ?? null;
    if (newest === identityAt(path) || attempt === maxAttempts) return files;
    close(files);
  }
};

const openOnce = (path: string, after: LogFile | undefined): LogFile[] => {
  const files: LogFile[] = [];
  const current = open(path);
  if (current === null) return files;
  for (const file of newestFirst(current, path)) {
    // What follows the one asked for is older; compressed meanwhile, it has another identity but keeps its time.
    const reached = file.identity === after?.identity || (file.compressed && !isYounger(file, after));
    const twice = files.some(({ identity }) => identity === file.identity);
    if (reached || twice) close([file]);
    else files.unshift(file);
    if (reached) break;
  }
  return files;
};

const isYounger = (file: LogFile, after: LogFile | undefined): boolean =>
  after === undefined || file.modifiedMs > Math.floor(fstatSync(after.fd).mtimeMs);

const newestFirst = function* (current: LogFile, path: string): Generator<LogFile> {
  yield current;
  yield* rotated(path);
};

const rotated = function* (path: string): Generator<LogFile> {
  const prefix = `${basename(path)}.`;
  const numbers = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix))
    .map((name) => /^(\d{1,6})(?:\.gz)?$/.exec(name.slice(prefix.length))?.[1])
    .filter((number) => number !== undefined)
    .map(Number);
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const base = join(dirname(path), `${prefix}${number}`);
    // Both are there when the daemon died between compressing and removing: the plain one is whole.
    const file = open(base) ?? open(`${base}.gz`);
    if (file !== null) yield file;
  }
};
