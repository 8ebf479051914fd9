import { invalidParameter } from "./errors.ts";
import { parseDuration } from "./duration.ts";

/**
 * A moment as Docker's clients write it: seconds since the epoch with an optional fraction, RFC 3339 (with or without
 * zone, time or seconds; without zone it is UTC), or a Go duration before now.
 * @returns nanoseconds since the epoch
 * @throws EngineError invalid-parameter
 */
export const parseTimestamp = (text: string, nowNs: bigint): bigint => {
  const unix = /^(-?\d{1,18})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return BigInt(unix[1] ?? 0) * 1_000_000_000n + BigInt((unix[2] ?? "").padEnd(9, "0"));
  const date = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d)?)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (date) {
    const time = `${date[2] ?? "00"}:00:00`.slice(0, 8);
    const ms = Date.parse(`${date[1]}T${time}${date[4] ?? "Z"}`);
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n + BigInt((date[3] ?? "").padEnd(9, "0"));
  }
  const duration = parseDuration(text);
  if (duration !== undefined) return nowNs - duration;
  throw invalidParameter(`failed to parse value as time or duration: "${text}"`);
};
