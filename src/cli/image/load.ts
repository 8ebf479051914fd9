import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { jsonLines } from "../../client/lines.ts";
import { parsePlatform } from "../../oci/platform.ts";
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
  const stream = flags.input === undefined ? cli.stdin : await opened(flags.input);
  const answer = await cli.engine.stream("POST", "/images/load", {
    query: {
      quiet: flags.quiet || !cli.stdout.isTTY,
      platform: flags.platform === undefined ? undefined : JSON.stringify(parsePlatform(flags.platform)),
    },
    stream,
  });
  const failure = await showProgress(jsonLines<Progress>(answer), cli.stdout);
  if (failure !== undefined) throw new ExitError(1, failure);
  return 0;
};

/** A file that is known to open: the call need not begin for one that does not. */
export const opened = async (path: string): Promise<ReturnType<typeof createReadStream>> => {
  try {
    return (await open(path)).createReadStream();
  } catch (error) {
    throw new ExitError(1, `open ${path}: ${describe(error as NodeJS.ErrnoException)}`);
  }
};

const describe = ({ code, message }: NodeJS.ErrnoException): string =>
  code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : message;
