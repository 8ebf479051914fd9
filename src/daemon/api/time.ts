import { systemError } from "../../base/errors.ts";

const perSecond = 1_000_000_000n;

/**
 * A time in a query: seconds since the epoch with or without a fraction, or RFC 3339 (its zone, seconds and time of day
 * may be missing).
 * @returns nanoseconds since the epoch; undefined for "".
 * @throws system as Docker does for what is no time.
 */
export const parseTime = (text: string): bigint | undefined => {
  if (text === "") return undefined;
  const unix = /^(-?[0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? 0) * perSecond + fraction(unix[2]);
  const date =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}(?::[0-9]{2}){0,2})(?:\.([0-9]{1,9})[0-9]*)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/i.exec(
      text,
    );
  const ms =
    date === null
      ? NaN
      : Date.parse(`${date[1]}T${(date[2] ?? "").padEnd(2, "0").concat(":00:00").slice(0, 8)}${zone(date[4])}`);
  if (date === null || Number.isNaN(ms)) {
    throw systemError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return BigInt(ms) * 1_000_000n + fraction(date[3]);
};

const zone = (text: string | undefined): string => (text === undefined ? "Z" : text.toUpperCase());

const fraction = (digits = ""): bigint => BigInt(digits.slice(0, 9).padEnd(9, "0"));
