import { systemError } from "./errors.ts";

const unitsMs: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const duration = /^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/;

/** Milliseconds of a Go duration (`1h30m`); undefined for what is none. **Source:** Go, time.ParseDuration. */
export const parseDurationMs = (text: string): number | undefined => {
  if (!duration.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(count) * (unitsMs[unit ?? ""] ?? 0);
  return text.startsWith("-") ? -total : total;
};

/**
 * A point in time as filters take it: a duration before now, seconds since the epoch with a fraction, or an RFC 3339
 * time whose parts from the right may be missing.
 *
 * @returns milliseconds since the epoch
 * @param refuse makes the error for anything else: dockerd calls it its own failure in some places, the caller's in others
 * @throws EngineError
 */
export const parseTimestampMs = (text: string, nowMs: number, refuse = systemError): number => {
  const before = parseDurationMs(text);
  if (before !== undefined) return nowMs - before;
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const date = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d+)?))?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  const time = date === null ? Number.NaN : Date.parse(isoOf(date));
  if (Number.isNaN(time)) throw refuse(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time;
};

const isoOf = ([, day = "", hour = "00", minute = "00", second = "00", zone = "Z"]: RegExpExecArray): string =>
  `${day}T${hour}:${minute}:${second}${zone}`;
