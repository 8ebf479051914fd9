import { ApiError } from "../../client/client.ts";
import { parsePlatform } from "../../oci/platform.ts";
import type { ImageDeleteResponseItem } from "../../wire/engine/image.ts";
import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { errorText } from "./errors.ts";

const spec = {
  force: { kind: "flag", short: "f", help: "Force removal of the image" },
  "no-prune": { kind: "flag", help: "Do not delete untagged parents" },
  platform: { kind: "list", help: 'Remove only the given platform variant, "os[/arch[/variant]]"' },
} as const satisfies Record<string, FlagSpec>;

const notFound = 404;

export const rmi: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "rmi [OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("rmi", args, 1, Number.POSITIVE_INFINITY);
  const platforms = flags.platform
    .flatMap((text) => text.split(","))
    .map((text) => JSON.stringify(parsePlatform(text.trim())));
  const query = { force: flags.force, noprune: flags["no-prune"], platforms };
  const errors: string[] = [];
  let failed = false;
  for (const name of args) {
    try {
      const path = `/images/${encodeURIComponent(name)}`;
      const removed = await cli.engine.json<ImageDeleteResponseItem[]>("DELETE", path, { query });
      for (const { Untagged, Deleted } of removed)
        cli.stdout.write(Deleted === undefined ? `Untagged: ${Untagged}\n` : `Deleted: ${Deleted}\n`);
    } catch (error) {
      errors.push(errorText(error));
      // What is not there need not be removed by force.
      failed ||= !(flags.force && error instanceof ApiError && error.status === notFound);
    }
  }
  if (failed) throw new ExitError(1, errors.join("\n"));
  for (const text of errors) cli.stderr.write(`${text}\n`);
  return 0;
};
