import type { Command } from "../cli.ts";
import { ExitError } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  signal: { kind: "value", short: "s", help: "Signal to send to the container" },
  time: { kind: "value", short: "t", help: "Seconds to wait before killing the container" },
} as const satisfies Record<string, FlagSpec>;

export const stop: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "stop [OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", spec))
    return 0;
  const { flags, args } = parseFlags(spec, argv);
  if (args.length === 0) throw new UsageError(`"berth stop" requires at least 1 argument.`);
  return forEach(cli, args, (name) =>
    cli.engine.json("POST", `/containers/${encodeURIComponent(name)}/stop`, {
      query: { signal: flags.signal, t: flags.time },
    }),
  );
};

/** Does the same to each, side by side; prints the names that worked, then the errors. @throws ExitError */
export const forEach = async (
  cli: Parameters<Command>[0],
  names: readonly string[],
  act: (name: string) => Promise<unknown>,
): Promise<number> => {
  const results = await Promise.allSettled(names.map(act));
  const errors: string[] = [];
  results.forEach((result, i) => {
    if (result.status === "fulfilled") cli.stdout.write(`${names[i]}\n`);
    else errors.push(`Error response from daemon: ${(result.reason as Error).message}`);
  });
  if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
  return 0;
};
