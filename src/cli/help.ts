import type { Cli } from "./cli.ts";
import type { FlagSpec } from "./flags.ts";

/** Writes a command's help when its arguments ask for it; true when they did. */
export const wantsHelp = (
  cli: Cli,
  argv: readonly string[],
  usage: string,
  summary: string,
  spec: Record<string, FlagSpec>,
): boolean => {
  if (argv[0] !== "--help" && argv[0] !== "-h") return false;
  const rows = Object.entries(spec).map(([name, { kind, short, help }]) => {
    const value = kind === "flag" ? "" : kind === "list" ? " list" : " string";
    return `  ${short ? `-${short}, ` : "    "}--${`${name}${value}`.padEnd(26)}${help}`;
  });
  cli.stdout.write(`Usage:  berth ${usage}\n\n${summary}\n\nOptions:\n${rows.join("\n")}\n`);
  return true;
};
