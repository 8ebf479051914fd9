/** The samples of one bench by engine. */
export interface Series {
  name: string;
  unit: string;
  samples: Record<string, number[]>;
  errors: Record<string, string>;
}

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

const show = (value: number, unit: string): string => {
  if (unit === "KB") return value >= 1024 ? `${(value / 1024).toFixed(1)} MB` : `${value.toFixed(0)} KB`;
  if (unit === "processes") return value.toFixed(1);
  const digits = value >= 100 || unit === "/s" ? 0 : 1;
  return `${value.toFixed(digits)} ${unit}`;
};

/** How many times better Berth is than another engine; "" where one of them has no value. */
const ratio = (series: Series, other: string): string => {
  const own = series.samples["berth"];
  const theirs = series.samples[other];
  if (!own || !theirs) return "";
  const [a, b] = [median(own), median(theirs)];
  const better = series.unit === "MB/s" || series.unit === "/s" ? a / b : b / a;
  return Number.isFinite(better) ? ` (${better.toFixed(1)}×)` : "";
};

/** A Markdown table: a row a bench, a column an engine, then Berth's time without the client's own (total − null). */
export const markdownTable = (series: Series[], engines: string[]): string => {
  const cell = (one: Series, engine: string): string => {
    const samples = one.samples[engine];
    if (!samples) return one.errors[engine] ? "failed" : "–";
    return show(median(samples), one.unit) + (engine === "berth" || engine === "null" ? "" : ratio(one, engine));
  };
  const own = (one: Series): string => {
    const [berth, nothing] = [one.samples["berth"], one.samples["null"]];
    return berth && nothing && one.unit === "ms" ? show(median(berth) - median(nothing), one.unit) : "";
  };
  const rows = series.map((one) => [one.name, ...engines.map((engine) => cell(one, engine)), own(one)]);
  const lines = [["", ...engines, "Berth's own"], ["---", ...engines.map(() => "---"), "---"], ...rows];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
};
