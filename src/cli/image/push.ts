import { jsonLines } from "../../client/lines.ts";
import { parsePlatform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { type Progress, showProgress } from "../progress/show.ts";
import { authHeaderFor } from "../registry-auth/credentials.ts";

const spec = {
  "all-tags": { kind: "flag", short: "a", help: "Push all tags of an image to the repository" },
  platform: { kind: "value", help: 'Push one platform\'s image of an index, "os[/arch[/variant]]"' },
  quiet: { kind: "flag", short: "q", help: "Suppress verbose output" },
} as const satisfies Record<string, FlagSpec>;

export const push: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "push [OPTIONS] NAME[:TAG]", "Upload an image to a registry", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [name = ""] = args;
  requireArguments("push", args, 1, 1);
  const all = flags["all-tags"];
  const parsed = parseReference(name);
  if (all && parsed.tag !== undefined) throw new ExitError(1, "tag can't be used with --all-tags/-a");
  const reference = all ? parsed : parsed.withDefaultTag();
  if (!all && parsed.tag === undefined && parsed.digest === undefined && !flags.quiet)
    cli.stdout.write("Using default tag: latest\n");
  const answer = await cli.engine.stream("POST", `/images/${reference.familiarName}/push`, {
    query: {
      tag: reference.tag,
      platform: flags.platform === undefined ? undefined : JSON.stringify(parsePlatform(flags.platform)),
    },
    headers: await authHeaderFor(cli.env, name),
  });
  const failure = await showProgress(jsonLines<Progress>(answer), flags.quiet ? undefined : cli.stdout);
  if (failure !== undefined) throw new ExitError(1, failure);
  if (flags.quiet) cli.stdout.write(`${reference.toString()}\n`);
  return 0;
};
