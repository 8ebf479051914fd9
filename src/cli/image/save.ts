import { createWriteStream, renameSync, rmSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { parsePlatform } from "../../oci/platform.ts";
import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  output: { kind: "value", short: "o", help: "Write to a file, instead of STDOUT" },
  platform: { kind: "value", help: 'Save only the given platform variant, "os[/arch[/variant]]"' },
} as const satisfies Record<string, FlagSpec>;

const summary = "Save one or more images to a tar archive (streamed to STDOUT by default)";

export const save: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "save [OPTIONS] IMAGE [IMAGE...]", summary, spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("save", args, 1, Number.POSITIVE_INFINITY);
  if (flags.output === undefined && cli.stdout.isTTY)
    throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  const platform = flags.platform === undefined ? undefined : JSON.stringify(parsePlatform(flags.platform));
  const answer = await cli.engine.stream("GET", "/images/get", { query: { names: args, platform } });
  if (flags.output === undefined) {
    await pipeline(answer, cli.stdout, { end: false });
    return 0;
  }
  // The file is there whole, or as it was.
  const partial = `${flags.output}.${process.pid}.tmp`;
  try {
    await pipeline(answer, createWriteStream(partial, { mode: 0o600, flags: "wx" }));
    renameSync(partial, flags.output);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  return 0;
};
