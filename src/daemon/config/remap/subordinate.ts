import { readFileSync } from "node:fs";
import { systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import type { IdRange } from "../../../linux/namespace/id-mapping.ts";

/** Ids that a user may give to a namespace: a line of /etc/subuid or /etc/subgid. */
export interface SubordinateRange {
  /** A user's name or number. */
  owner: string;
  start: number;
  count: number;
}

/** Largest id there is; -1 stands for none. */
const idMax = 0xfffffffe;
/** As many lines as uid_map takes. **Source:** user_namespaces(7). */
const rangesMax = 340;

/**
 * The lines of /etc/subuid or /etc/subgid; none when there is no such file.
 * @throws EngineError system for a line that is none. **Source:** subuid(5).
 */
export const readSubordinate = (path: string): SubordinateRange[] => {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const match = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(trimmed);
    if (match === null) throw systemError(`cannot parse ${path}: Format not correct for line ${JSON.stringify(line)}`);
    const [, owner = "", start, count] = match;
    return [{ owner, start: Number(start), count: Number(count) }];
  });
};

/**
 * One user's ranges as a namespace's: container ids from 0 on, in the order of the file.
 * @param names the user's name and number, under either of which the file may have it
 * @throws EngineError system for ids that do not exist, or that two ranges have
 */
export const rangesOf = (all: readonly SubordinateRange[], names: readonly string[], path: string): IdRange[] => {
  const own = all.filter(({ owner, count }) => names.includes(owner) && count > 0);
  if (own.length > rangesMax) throw systemError(`${path} has more than ${rangesMax} ranges for user "${names[0]}"`);
  let containerId = 0;
  return own.map(({ start, count }, index) => {
    const overlaps = own
      .slice(0, index)
      .some((other) => start < other.start + other.count && other.start < start + count);
    if (start + count - 1 > idMax || containerId + count - 1 > idMax || overlaps) {
      throw systemError(`${path} has a bad range for user "${names[0]}": ${start}:${count}`);
    }
    const range = { containerId, hostId: start, size: count };
    containerId += count;
    return range;
  });
};

const firstSubordinateId = 100_000;

/** Where a new range can begin: behind all others. */
export const nextFree = (all: readonly SubordinateRange[]): number =>
  all.reduce((next, { start, count }) => Math.max(next, start + count), firstSubordinateId);
