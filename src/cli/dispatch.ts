import { parseAddress } from "../client/address.ts";
import { ApiError, EngineClient } from "../client/client.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./cli.ts";
import { type CommandEntry, commands, groups } from "./commands.ts";
import { UsageError } from "./flags.ts";

const defaultHost = "unix:///run/berth.sock";

/**
 * Runs one command line and resolves to its exit status. Errors go to stderr, in the engine's words.
 * @param argv without the program's name
 */
export const dispatch = async (cli: Omit<Cli, "engine">, argv: readonly string[]): Promise<number> => {
  let host = cli.env["BERTH_HOST"] || cli.env["DOCKER_HOST"] || defaultHost;
  let words = [...argv];
  while (words[0] === "-H" || words[0] === "--host") {
    host = words[1] ?? host;
    words = words.slice(2);
  }
  const [first] = words;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    cli.stdout.write(usage());
    return 0;
  }
  if (first === "--version" || first === "-v") words = ["version"];
  const found = find(words);
  if (!found) {
    cli.stderr.write(`berth: unknown command: berth ${first}\n\nRun 'berth --help' for more information\n`);
    return 1;
  }
  try {
    const command = await found.entry.load();
    return await command({ ...cli, engine: new EngineClient(parseAddress(host)) }, found.rest);
  } catch (error) {
    return report(cli, found.name, error);
  }
};

const find = (words: string[]): { name: string; entry: CommandEntry; rest: string[] } | undefined => {
  const [first = "", second = ""] = words;
  const group = groups[first];
  const entry = group ? group[second] : commands[first];
  if (!entry) return undefined;
  return group
    ? { name: `${first} ${second}`, entry, rest: words.slice(2) }
    : { name: first, entry, rest: words.slice(1) };
};

const report = (cli: Omit<Cli, "engine">, name: string, error: unknown): number => {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    cli.stderr.write(
      `${message}\n\nUsage:  berth ${name} [OPTIONS] ...\n\nRun 'berth ${name} --help' for more information\n`,
    );
    return error.exitCode;
  }
  const prefix = error instanceof ApiError ? "Error response from daemon: " : "";
  if (message !== "") cli.stderr.write(`${prefix}${message}\n`);
  return error instanceof ExitError ? error.exitCode : 1;
};

const usage = (): string => {
  const names = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`);
  return [
    "Usage:  berth [OPTIONS] COMMAND",
    "",
    "Runs containers. The stock docker CLI drives the same engine.",
    "",
    "Commands:",
    ...names,
    "  registry    Run a private registry: serve, gc",
    "",
    "Options:",
    `  -H, --host string   Engine to connect to (default ${defaultHost}, or $BERTH_HOST, or $DOCKER_HOST)`,
    "",
  ].join("\n");
};
