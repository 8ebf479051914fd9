import { systemError } from "../../base/errors.ts";

/** What `utcText` answers for a text that is no time. */
export const invalidTime = "";

const billion = 1_000_000_000n;
const pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** An RFC 3339 time as UTC with nine digits of fraction, the form of `docker logs --timestamps`. */
export const utcText = (text: string): string => {
  const match = pattern.exec(text);
  if (match === null) return invalidTime;
  const [, seconds = "", fraction = "", zone = ""] = match;
  const digits = fraction.padEnd(9, "0");
  if (zone === "Z") return `${seconds}.${digits}Z`;
  const ms = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(ms) ? invalidTime : `${new Date(ms).toISOString().slice(0, 19)}.${digits}Z`;
};

/** Nanoseconds since the epoch in the same form. */
export const utcOf = (ns: bigint): string => {
  const fraction = ((ns % billion) + billion) % billion;
  const seconds = new Date(Number((ns - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${fraction.toString().padStart(9, "0")}Z`;
};

/** The last second that fits in four digits of a year: later bounds are as good as none. */
const lastSecond = 253_402_300_799n;

/**
 * A `since` or `until` of the API: seconds since the epoch with an optional fraction, or RFC 3339.
 *
 * @returns the time as UTC text that compares with a record's; null for none ("" and "0").
 * @throws EngineError in Go's words, with the status 500 that dockerd gives it.
 */
export const parseBound = (text: string | undefined): string | null => {
  if (text === undefined || text === "" || text === "0") return null;
  const utc = utcText(text);
  if (utc !== invalidTime) return utc;
  const [seconds = "", fraction = ""] = splitOnce(text, ".");
  const whole = integer(seconds);
  const bounded = whole > lastSecond ? lastSecond : whole < 0n ? 0n : whole;
  return utcOf(bounded * billion + (fraction === "" ? 0n : integer(fraction.slice(0, 9).padEnd(9, "0"))));
};

const integer = (text: string): bigint => {
  if (!/^[+-]?\d+$/.test(text)) throw systemError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return BigInt(text.replace(/^\+/, ""));
};

const splitOnce = (text: string, separator: string): string[] => {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
};

/** Milliseconds from `now` until a bound is over. */
export const msUntil = (bound: string, nowMs: number): number => Date.parse(`${bound.slice(0, 23)}Z`) + 1 - nowMs;
