import { humanDuration } from "../../base/human.ts";
import { shortId } from "../../base/ids.ts";
import type { ImageSummary } from "../../wire/engine/image.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { filtersText } from "../container/ps.ts";
import { humanSize } from "../format/size.ts";
import { table } from "../format/table.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  all: { kind: "flag", short: "a", help: "Show all images (default hides intermediate images)" },
  digests: { kind: "flag", help: "Show digests" },
  filter: { kind: "list", short: "f", help: "Filter output based on conditions provided" },
  "no-trunc": { kind: "flag", help: "Don't truncate output" },
  quiet: { kind: "flag", short: "q", help: "Only show image IDs" },
} as const satisfies Record<string, FlagSpec>;

export const images: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "images [OPTIONS] [REPOSITORY[:TAG]]", "List images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const filters = args[0] === undefined ? flags.filter : [...flags.filter, `reference=${args[0]}`];
  const list = await cli.engine.json<ImageSummary[]>("GET", "/images/json", {
    query: { all: flags.all, digests: flags.digests, filters: filtersText(filters) },
  });
  const id = (one: ImageSummary): string => (flags["no-trunc"] ? (one.Id ?? "") : shortId(one.Id ?? ""));
  if (flags.quiet) {
    for (const one of list) cli.stdout.write(`${id(one)}\n`);
    return 0;
  }
  const header = ["REPOSITORY", "TAG", ...(flags.digests ? ["DIGEST"] : []), "IMAGE ID", "CREATED", "SIZE"];
  const rows = list.flatMap((one) => {
    const tags = one.RepoTags && one.RepoTags.length > 0 ? one.RepoTags : ["<none>:<none>"];
    return tags.map((tag) => {
      const at = tag.lastIndexOf(":");
      const repository = tag.slice(0, at);
      const digest = one.RepoDigests?.find((text) => text.startsWith(`${repository}@`))?.split("@")[1] ?? "<none>";
      const age = `${humanDuration(Date.now() - (one.Created ?? 0) * 1000)} ago`;
      return [
        repository,
        tag.slice(at + 1),
        ...(flags.digests ? [digest] : []),
        id(one),
        age,
        humanSize(one.Size ?? 0),
      ];
    });
  });
  cli.stdout.write(table([header, ...rows]));
  return 0;
};
