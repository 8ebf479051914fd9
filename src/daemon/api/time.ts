import { systemError } from "../../base/errors.ts";

const perSecond = 1_000_000_000n;

/**
 * A time in a query: seconds since the epoch with or without a fraction. Clients make these of what their users type.
 * @returns nanoseconds since the epoch; undefined for "".
 * @throws system as Docker does for what is no time.
 */
export const parseTime = (text: string): bigint | undefined => {
  if (text === "") return undefined;
  const unix = /^(-?[0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (unix === null) throw systemError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return BigInt(unix[1] ?? 0) * perSecond + fraction(unix[2]);
};

const fraction = (digits = ""): bigint => BigInt(digits.slice(0, 9).padEnd(9, "0"));
