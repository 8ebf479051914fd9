import { createReadStream } from "node:fs";
import { jsonLines } from "../../client/lines.ts";
import { type Command, ExitError } from "../cli.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { type Progress, showProgress } from "../progress/show.ts";

const spec = {
  input: { kind: "value", short: "i", help: "Read from tar archive file, instead of STDIN" },
  platform: { kind: "value", help: "Load only the given platform variant" },
  quiet: { kind: "flag", short: "q", help: "Suppress the load output" },
} as const satisfies Record<string, FlagSpec>;

export const load: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "load [OPTIONS]", "Load an image from a tar archive or STDIN", spec)) return 0;
  const { flags } = parseFlags(spec, argv);
  if (flags.input === undefined && cli.stdin.isTTY) {
    throw new ExitError(1, "requested load from stdin, but stdin is empty");
  }
  const stream = flags.input === undefined ? cli.stdin : createReadStream(flags.input);
  const answer = await cli.engine.stream("POST", "/images/load", {
    query: { quiet: flags.quiet || !cli.stdout.isTTY },
    stream,
  });
  const failure = await showProgress(jsonLines<Progress>(answer), cli.stdout);
  if (failure !== undefined) throw new ExitError(1, failure);
  return 0;
};
