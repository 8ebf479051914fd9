/**
 * A span as Docker says it: "Less than a second", "5 seconds", "About a minute", "3 hours", "2 weeks", "4 months".
 * @param ms the span in milliseconds, not negative
 */
export const humanDuration = (ms: number): string => {
  const seconds = Math.trunc(ms / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(ms / 3_600_000 / 24 / 365)} years`;
};

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes as `1.234MB`: decimal units, four significant digits. **Source:** Go, fmt %.4g. */
export const humanSize = (bytes: number): string => {
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < sizeUnits.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(4))}${sizeUnits[unit]}`;
};
