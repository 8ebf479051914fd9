import { jsonLines } from "../../client/lines.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Cli, Command } from "../cli.ts";
import { ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { type Progress, showProgress } from "../progress/show.ts";
import { authHeaderFor } from "../registry-auth/credentials.ts";

const spec = {
  "all-platforms": { kind: "flag", help: "Keep the whole index: the images of all platforms, and attestations" },
  "all-tags": { kind: "flag", short: "a", help: "Download all tagged images in the repository" },
  platform: { kind: "value", help: "Set platform if server is multi-platform capable" },
  quiet: { kind: "flag", short: "q", help: "Suppress verbose output" },
} as const satisfies Record<string, FlagSpec>;

export const pull: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "pull [OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [name = ""] = args;
  requireArguments("pull", args, 1, 1);
  const all = flags["all-tags"];
  if (flags["all-platforms"] && flags.platform !== undefined)
    throw new ExitError(1, "conflicting options: --all-platforms and --platform");
  const reference = parseReference(name);
  const isWhole = reference.tag !== undefined || reference.digest !== undefined;
  if (all && isWhole) throw new ExitError(1, "tag can't be used with --all-tags/-a");
  if (!all && !isWhole && !flags.quiet) cli.stdout.write("Using default tag: latest\n");
  const platform = flags["all-platforms"] ? "all" : flags.platform;
  await pullImage(cli, name, flags.quiet, { all, platform, output: cli.stdout });
  cli.stdout.write(`${(all ? reference : reference.withDefaultTag()).toString()}\n`);
  return 0;
};

/**
 * Pulls an image with the credentials that are kept for its registry, and shows how far it is, on stderr unless told
 * otherwise.
 *
 * @throws ExitError when it fails
 */
export const pullImage = async (
  cli: Cli,
  name: string,
  quiet: boolean,
  options: { all?: boolean; platform?: string | undefined; output?: Cli["stdout"] } = {},
): Promise<void> => {
  const reference = parseReference(name);
  const { familiarName, tag, digest } = options.all === true ? reference : reference.withDefaultTag();
  const answer = await cli.engine.stream("POST", "/images/create", {
    query: { fromImage: familiarName, tag: digest ?? tag, platform: options.platform?.toLowerCase() },
    headers: await authHeaderFor(cli.env, name),
  });
  const failure = await showProgress(jsonLines<Progress>(answer), quiet ? undefined : (options.output ?? cli.stderr));
  if (failure !== undefined) throw new ExitError(1, failure);
};
