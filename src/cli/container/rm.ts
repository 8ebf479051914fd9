import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { forEach } from "./stop.ts";

const spec = {
  force: { kind: "flag", short: "f", help: "Force the removal of a running container (uses SIGKILL)" },
  link: { kind: "flag", short: "l", help: "Remove the specified link" },
  volumes: { kind: "flag", short: "v", help: "Remove anonymous volumes associated with the container" },
} as const satisfies Record<string, FlagSpec>;

export const rm: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "rm [OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  if (args.length === 0) throw new UsageError(`"berth rm" requires at least 1 argument.`);
  return forEach(cli, args, (name) =>
    cli.engine.json("DELETE", `/containers/${encodeURIComponent(name)}`, {
      query: { force: flags.force, link: flags.link, v: flags.volumes },
    }),
  );
};
