import { shortId } from "../../base/ids.ts";
import type { ImageSummary } from "../../wire/engine/image.ts";
import type { Command } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { filtersText } from "../container/ps.ts";
import { writeListing } from "../format/listing.ts";
import { humanSize } from "../format/size.ts";
import { goTimeText, since } from "../format/time.ts";
import { wantsHelp } from "../help.ts";
import { imageTree } from "./tree.ts";

const spec = {
  all: { kind: "flag", short: "a", help: "Show all images (default hides intermediate images)" },
  digests: { kind: "flag", help: "Show digests" },
  filter: { kind: "list", short: "f", help: "Filter output based on conditions provided" },
  format: { kind: "value", help: "Format output using a custom template: table, json or a Go template" },
  "no-trunc": { kind: "flag", help: "Don't truncate output" },
  quiet: { kind: "flag", short: "q", help: "Only show image IDs" },
  tree: { kind: "flag", help: "List multi-platform images as a tree" },
} as const satisfies Record<string, FlagSpec>;

const headings = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
};

const none = "<none>";

interface Name {
  repository: string;
  tag: string;
  digest: string;
}

/** The rows of an image: one for each tag, with `digests` one for each tag and digest of a repository. */
const namesOf = ({ RepoTags, RepoDigests }: ImageSummary, digests: boolean): Name[] => {
  const repositories = new Map<string, { tags: string[]; digests: string[] }>();
  const of = (repository: string) => {
    const found = repositories.get(repository) ?? { tags: [], digests: [] };
    repositories.set(repository, found);
    return found;
  };
  for (const text of RepoTags ?? [])
    of(text.slice(0, text.lastIndexOf(":"))).tags.push(text.slice(text.lastIndexOf(":") + 1));
  for (const text of RepoDigests ?? []) {
    const [repository = "", digest = ""] = text.split("@");
    of(repository).digests.push(digest);
  }
  if (repositories.size === 0) return [{ repository: none, tag: none, digest: none }];
  return [...repositories].flatMap(([repository, found]) => {
    const tags = found.tags.length === 0 ? [none] : found.tags;
    const shown = digests && found.digests.length > 0 ? found.digests : [none];
    return tags.flatMap((tag) => shown.map((digest) => ({ repository, tag, digest })));
  });
};

const rowOf = (one: ImageSummary, { repository, tag, digest }: Name, noTrunc: boolean): Record<string, string> => {
  const { Id = "", Created = 0, Size = 0, SharedSize = -1, Containers = -1 } = one;
  const size = humanSize(Size);
  return {
    ID: noTrunc ? Id : shortId(Id),
    Repository: repository,
    Tag: tag,
    Digest: digest,
    CreatedSince: since(Created),
    CreatedAt: goTimeText(Created),
    Size: size,
    Containers: Containers < 0 ? "N/A" : String(Containers),
    VirtualSize: humanSize(Size, 4),
    SharedSize: SharedSize < 0 ? "N/A" : humanSize(SharedSize, 4),
    UniqueSize: SharedSize < 0 ? "N/A" : humanSize(Size - SharedSize, 4),
  };
};

export const images: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "images [OPTIONS] [REPOSITORY[:TAG]]", "List images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  requireArguments("images", args, 0, 1);
  const filters = args[0] === undefined ? flags.filter : [...flags.filter, `reference=${args[0]}`];
  if (flags.tree) {
    const other = [
      flags.quiet && "--quiet",
      flags["no-trunc"] && "--no-trunc",
      flags.digests && "--digests",
      flags.format !== undefined && "--format",
    ].find(Boolean);
    if (other) throw new UsageError(`${other} is not yet supported with --tree`);
  }
  const list = await cli.engine.json<ImageSummary[]>("GET", "/images/json", {
    query: { all: flags.all, manifests: flags.tree, filters: filtersText(filters) },
  });
  if (flags.tree) {
    cli.stdout.write(imageTree(list));
    return 0;
  }
  const noTrunc = flags["no-trunc"];
  const digests = flags.digests || /\.Digest\b/.test(flags.format ?? "");
  const rows = list.flatMap((one) => namesOf(one, digests).map((name) => rowOf(one, name, noTrunc)));
  if (flags.quiet) {
    for (const { ID } of rows) cli.stdout.write(`${ID}\n`);
    return 0;
  }
  const columns = ["Repository", "Tag", ...(flags.digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
  writeListing(cli, { headings, columns, rows }, flags.format);
  return 0;
};
