const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes in decimal units with so many significant digits, as Docker shows sizes: `1.24MB`, `0B`, `13.3kB`. */
export const humanSize = (bytes: number, digits = 3): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(digits))}${units[unit]}`;
};
