import { jsonLines } from "../../client/lines.ts";
import type { Cli, Command } from "../cli.ts";
import { ExitError } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { type Progress, showProgress } from "../progress/show.ts";

const spec = {
  "all-tags": { kind: "flag", short: "a", help: "Download all tagged images in the repository" },
  platform: { kind: "value", help: "Set platform if server is multi-platform capable" },
  quiet: { kind: "flag", short: "q", help: "Suppress verbose output" },
} as const satisfies Record<string, FlagSpec>;

export const pull: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "pull [OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [name] = args;
  if (name === undefined || args.length > 1) throw new UsageError(`"berth pull" requires exactly 1 argument.`);
  if (!flags["all-tags"] && !hasTag(name)) cli.stdout.write("Using default tag: latest\n");
  await pullImage(cli, name, flags.quiet, { all: flags["all-tags"], platform: flags.platform, output: cli.stdout });
  cli.stdout.write(`${hasTag(name) ? name : `${name}:latest`}\n`);
  return 0;
};

const hasTag = (name: string): boolean => name.includes("@") || /:[^/]+$/.test(name);

/** Pulls an image and shows how far it is, on stderr unless told otherwise. @throws ExitError when it fails */
export const pullImage = async (
  cli: Cli,
  name: string,
  quiet: boolean,
  options: { all?: boolean; platform?: string | undefined; output?: Cli["stdout"] } = {},
): Promise<void> => {
  const tagged = options.all || hasTag(name) ? name : `${name}:latest`;
  const answer = await cli.engine.stream("POST", "/images/create", {
    query: { fromImage: tagged, platform: options.platform },
  });
  const failure = await showProgress(jsonLines<Progress>(answer), quiet ? undefined : (options.output ?? cli.stderr));
  if (failure !== undefined) throw new ExitError(1, failure);
};
