/** Columns as Docker's CLI lines them up: at least ten wide, three blanks between them, nothing behind the last. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(Math.max((widths[i] ?? 0) + gapWidth, minWidth))))
        .join("")
        .concat("\n"),
    )
    .join("");
};

const gapWidth = 3;
const minWidth = 10;
