const unitsNs: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * A duration in Go's form, `1h30m`, `1.5s`, `-10ms`, `0`, in nanoseconds; undefined when it is none.
 * **Source:** Go, time.ParseDuration.
 */
export const parseDuration = (text: string): bigint | undefined => {
  const match = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text);
  if (!match) return /^[+-]?0$/.test(text) ? 0n : undefined;
  let total = 0n;
  for (const [, number = "", unit = ""] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += BigInt(Math.round(Number(number) * (unitsNs[unit] ?? 0)));
  }
  return match[1] === "-" ? -total : total;
};
