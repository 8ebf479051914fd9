import { closeSync, createWriteStream, openSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createGzip } from "node:zlib";
import { isCode } from "../../../linux/error.ts";
import { tryLock } from "../../../linux/file/data.ts";
import { rawBlocks } from "./blocks.ts";
import { Changes } from "./changes.ts";
import { identityAt } from "./files.ts";

/** The fastest: logs shrink to a tenth with any. */
const level = 1;
/** How often the shim's own lock is tried, and how long between. It is held for the time of a few renames. */
const lockAttempts = 50;
const lockPauseMs = 20;
/** Least time between two looks at the files. */
const pauseMs = 1000;

/**
 * Compresses the files that rotation left of a log (`x.log.1` → `x.log.1.gz`), now and whenever there is a new one,
 * until the signal is aborted. For `compress=true`; one at a time for each log.
 */
export const keepCompressed = async (path: string, signal: AbortSignal): Promise<void> => {
  using changes = new Changes(path);
  const wake = (): void => changes.notify();
  signal.addEventListener("abort", wake, { once: true });
  while (!signal.aborted) {
    changes.clear();
    await compressRotated(path, signal);
    // A busy log changes a thousand times a second, and a full disk is no better at once.
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await changes.next();
  }
  signal.removeEventListener("abort", wake);
};

/** One round of it. A file that cannot be compressed (a full disk) stays as it is. */
export const compressRotated = async (path: string, signal?: AbortSignal): Promise<void> => {
  for (const rotated of plainFiles(path)) {
    if (isAborted(signal)) return;
    const temporary = `${path}.gz.tmp`;
    try {
      await compressOne(path, rotated, temporary, signal);
    } catch (error) {
      if (!isAborted(signal) && !isCode(error, "ENOENT", "ENOSPC", "EDQUOT")) throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }
};

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted ?? false;

const plainFiles = (path: string): string[] => {
  const prefix = `${basename(path)}.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^\d{1,6}$/.test(name.slice(prefix.length)))
    .map((name) => join(dirname(path), name));
};

/**
 * What was rotated away is written no more, so it is compressed without the lock; only the change of names is done
 * under it, with the name that the file has by then.
 */
const compressOne = async (path: string, rotated: string, temporary: string, signal?: AbortSignal): Promise<void> => {
  const fd = openSync(rotated, "r");
  try {
    const identity = identityAt(rotated);
    const { atime, mtime } = statSync(rotated);
    await pipeline(rawBlocks(fd), createGzip({ level }), createWriteStream(temporary, { mode: 0o640, flush: true }), {
      signal,
    });
    // Readers tell its age by its time.
    utimesSync(temporary, atime, mtime);
    await withLock(`${path}.lock`, () => {
      const name = plainFiles(path).find((each) => identityAt(each) === identity);
      if (name === undefined) return;
      renameSync(temporary, `${name}.gz`);
      rmSync(name);
    });
  } finally {
    closeSync(fd);
  }
};

/** Runs synchronous work while the shim does not rotate; not at all when the lock cannot be had. */
const withLock = async (path: string, work: () => void): Promise<void> => {
  const fd = openSync(path, "a", 0o600);
  try {
    for (let attempt = 0; attempt < lockAttempts; attempt++) {
      if (tryLock(fd)) return work();
      await sleep(lockPauseMs);
    }
  } finally {
    closeSync(fd);
  }
};
