import { options } from "./option.ts";

const helpColumn = 42;
const valueNames: Record<string, string> = {
  string: "string",
  boolean: "",
  integer: "int",
  bytes: "bytes",
  list: "list",
  map: "map",
  runtimes: "runtime",
  ulimits: "ulimit",
  pools: "pool-options",
};

/** The text of `berthd --help`. */
export const helpText = (): string => {
  const lines = options.map((option) => {
    const short = option.short === undefined ? "    " : `-${option.short}, `;
    const name = `  ${short}--${option.flag} ${valueNames[option.kind] ?? ""}`.trimEnd();
    return `${name.padEnd(helpColumn)} ${option.help}${defaultOf(option.default)}`;
  });
  return [
    "",
    "Usage:  berthd [OPTIONS]",
    "",
    "A self-sufficient runtime for containers.",
    "",
    "Options:",
    ...lines,
    `${"      --help".padEnd(helpColumn)} Print usage`,
    `${"      --validate".padEnd(helpColumn)} Validate daemon configuration and exit`,
    `${"  -v, --version".padEnd(helpColumn)} Print version information and quit`,
    "",
  ].join("\n");
};

const defaultOf = (value: unknown): string => {
  if (value === true) return " (default true)";
  if (typeof value === "number") return ` (default ${value})`;
  return typeof value === "string" && value !== "" ? ` (default ${JSON.stringify(value)})` : "";
};
