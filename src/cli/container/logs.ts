import { pipeline } from "node:stream/promises";
import { demultiplexer } from "../../client/frames.ts";
import type { ContainerInspectResponse } from "../../wire/engine/container.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  details: { kind: "flag", help: "Show extra details provided to logs" },
  follow: { kind: "flag", short: "f", help: "Follow log output" },
  since: { kind: "value", help: "Show logs since timestamp or relative (e.g. 42m)" },
  tail: { kind: "value", short: "n", help: 'Number of lines to show from the end of the logs (default "all")' },
  timestamps: { kind: "flag", short: "t", help: "Show timestamps" },
  until: { kind: "value", help: "Show logs before a timestamp or relative (e.g. 42m)" },
} as const satisfies Record<string, FlagSpec>;

export const logs: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "logs [OPTIONS] CONTAINER", "Fetch the logs of a container", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [name] = args;
  if (name === undefined || args.length > 1) throw new UsageError(`"berth logs" requires exactly 1 argument.`);
  const path = `/containers/${encodeURIComponent(name)}`;
  const container = await cli.engine.json<ContainerInspectResponse>("GET", `${path}/json`);
  const answer = await cli.engine.stream("GET", `${path}/logs`, {
    query: {
      stdout: true,
      stderr: true,
      details: flags.details,
      follow: flags.follow,
      since: flags.since,
      tail: flags.tail ?? "all",
      timestamps: flags.timestamps,
      until: flags.until,
    },
  });
  if (container.Config?.Tty) await pipeline(answer, cli.stdout, { end: false });
  else await pipeline(answer, demultiplexer(cli.stdout, cli.stderr));
  return 0;
};
