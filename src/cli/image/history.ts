import { shortId } from "../../base/ids.ts";
import { parsePlatform } from "../../oci/platform.ts";
import type { ImageHistoryResponseItem } from "../../wire/engine/image.ts";
import type { Command } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { ellipsis, writeListing } from "../format/listing.ts";
import { humanSize } from "../format/size.ts";
import { rfc3339, since } from "../format/time.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  format: { kind: "value", help: "Format output using a custom template: table, json or a Go template" },
  human: { kind: "value", short: "H", help: "Print sizes and dates in human readable format (default true)" },
  "no-trunc": { kind: "flag", help: "Don't truncate output" },
  platform: { kind: "value", help: 'Show history for the given platform, "os[/arch[/variant]]"' },
  quiet: { kind: "flag", short: "q", help: "Only show image IDs" },
} as const satisfies Record<string, FlagSpec>;

const headings = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};
const createdByWidth = 45;

/** `-H` and `--human` may stand without a value. */
const withHuman = (argv: readonly string[]): string[] =>
  argv.map((word) => (word === "-H" || word === "--human" ? "--human=true" : word));

export const history: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "history [OPTIONS] IMAGE", "Show the history of an image", spec)) return 0;
  const { flags, args } = parseFlags(spec, withHuman(argv));
  const [name = ""] = args;
  requireArguments("history", args, 1, 1);
  const platform = flags.platform === undefined ? undefined : JSON.stringify(parsePlatform(flags.platform));
  const path = `/images/${encodeURIComponent(name)}/history`;
  const list = await cli.engine.json<ImageHistoryResponseItem[]>("GET", path, { query: { platform } });
  const isHuman = !["false", "0", "f"].includes((flags.human ?? "true").toLowerCase());
  const whole = flags["no-trunc"];
  const id = ({ Id = "" }: ImageHistoryResponseItem): string => (whole || !Id.startsWith("sha256:") ? Id : shortId(Id));
  if (flags.quiet) {
    for (const one of list) cli.stdout.write(`${id(one)}\n`);
    return 0;
  }
  const rows = list.map((one) => {
    const createdBy = (one.CreatedBy ?? "").replaceAll("\t", " ");
    const created = rfc3339(one.Created ?? 0);
    return {
      ID: id(one),
      CreatedSince: isHuman ? since(one.Created) : created,
      CreatedAt: created,
      CreatedBy: whole ? createdBy : ellipsis(createdBy, createdByWidth),
      Size: isHuman ? humanSize(one.Size ?? 0) : String(one.Size ?? 0),
      Comment: one.Comment ?? "",
    };
  });
  const columns = ["ID", isHuman ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"];
  writeListing(cli, { headings, columns, rows }, flags.format);
  return 0;
};
