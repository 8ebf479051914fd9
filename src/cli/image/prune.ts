import { createInterface } from "node:readline/promises";
import type { ImageDeleteResponseItem } from "../../wire/engine/image.ts";
import { type Cli, type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { filtersText } from "../container/ps.ts";
import { humanSize } from "../format/size.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  all: { kind: "flag", short: "a", help: "Remove all unused images, not just dangling ones" },
  filter: { kind: "list", help: 'Provide filter values (e.g. "until=<timestamp>")' },
  force: { kind: "flag", short: "f", help: "Do not prompt for confirmation" },
} as const satisfies Record<string, FlagSpec>;

interface PruneReport {
  ImagesDeleted: ImageDeleteResponseItem[] | null;
  SpaceReclaimed: number;
}

const warning = (all: boolean): string =>
  `WARNING! This will remove all ${all ? "images without at least one container associated to them" : "dangling images"}.`;

/** Asks on the terminal; anything but yes is no. */
const confirmed = async (cli: Cli, text: string): Promise<boolean> => {
  const lines = createInterface({ input: cli.stdin, output: cli.stdout });
  try {
    cli.stdout.write(`${text}\nAre you sure you want to continue? [y/N] `);
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
};

export const prune: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "image prune [OPTIONS]", "Remove unused images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("image prune", args, 0, 0);
  if (!flags.force && !(await confirmed(cli, warning(flags.all))))
    throw new ExitError(1, "image prune has been cancelled");
  const filters = filtersText([...flags.filter, `dangling=${flags.all ? "false" : "true"}`]);
  const report = await cli.engine.json<PruneReport>("POST", "/images/prune", { query: { filters } });
  const deleted = report.ImagesDeleted ?? [];
  if (deleted.length > 0) {
    const lines = deleted.map(({ Untagged, Deleted }) => (Deleted ? `deleted: ${Deleted}` : `untagged: ${Untagged}`));
    cli.stdout.write(`Deleted Images:\n${lines.join("\n")}\n\n`);
  }
  cli.stdout.write(`Total reclaimed space: ${humanSize(report.SpaceReclaimed, 4)}\n`);
  return 0;
};
