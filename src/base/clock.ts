/** Where a service reads the time; tests hand in their own. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Nanoseconds since the Unix epoch; strictly increasing within one clock. */
  nowNs(): bigint;
}

const anchorForNs = 1_000_000_000n;

/**
 * The system's clock. The nanoseconds are the monotonic clock's, set on the wall clock anew each second, so they follow
 * an adjusted wall clock and still never repeat.
 */
export const systemClock = (): Clock => {
  let last = 0n;
  let anchor = 0n;
  let wall = 0n;
  return {
    now: () => Date.now(),
    nowNs() {
      const monotonic = process.hrtime.bigint();
      if (monotonic - anchor > anchorForNs) {
        anchor = monotonic;
        wall = BigInt(Date.now()) * 1_000_000n;
      }
      const time = wall + (monotonic - anchor);
      last = time > last ? time : last + 1n;
      return last;
    },
  };
};

/** Go's RFC3339Nano of nanoseconds since the epoch, in UTC: no trailing zeros in the fraction, none when it is 0. */
export const rfc3339Nano = (ns: bigint): string => {
  const fraction = (ns % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
  return fraction === "" ? `${seconds}Z` : `${seconds}.${fraction}Z`;
};

/** Go's zero `time.Time` in JSON. */
export const zeroTime = "0001-01-01T00:00:00Z";
