import { parsePlatform } from "../../oci/platform.ts";
import type { ImageInspect } from "../../wire/engine/image.ts";
import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { writeInspected } from "../format/inspected.ts";
import { wantsHelp } from "../help.ts";
import { errorText } from "./errors.ts";

const spec = {
  format: { kind: "value", short: "f", help: "Format output using a custom template: json or a Go template" },
  platform: { kind: "value", help: "Inspect a specific platform of the multi-platform image" },
} as const satisfies Record<string, FlagSpec>;

export const inspect: Command = async (cli, argv) => {
  const usage = "image inspect [OPTIONS] IMAGE [IMAGE...]";
  if (wantsHelp(cli, argv, usage, "Display detailed information on one or more images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("image inspect", args, 1, Number.POSITIVE_INFINITY);
  const platform = flags.platform === undefined ? undefined : JSON.stringify(parsePlatform(flags.platform));
  const found: ImageInspect[] = [];
  const errors: string[] = [];
  for (const name of args) {
    try {
      const path = `/images/${encodeURIComponent(name)}/json`;
      found.push(await cli.engine.json<ImageInspect>("GET", path, { query: { platform } }));
    } catch (error) {
      errors.push(errorText(error));
    }
  }
  writeInspected(cli, found, flags.format);
  if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
  return 0;
};
