import { humanDuration } from "../../base/human.ts";
import { shortId } from "../../base/ids.ts";
import type { ContainerSummary } from "../../wire/engine/container.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { portsText } from "../format/ports.ts";
import { humanSize } from "../format/size.ts";
import { ellipsis, writeListing } from "../format/listing.ts";
import { goTimeText } from "../format/time.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  all: { kind: "flag", short: "a", help: "Show all containers (default shows just running)" },
  format: { kind: "value", help: "Format output using a custom template: table, json or a Go template" },
  filter: { kind: "list", short: "f", help: "Filter output based on conditions provided" },
  last: { kind: "value", short: "n", help: "Show n last created containers (includes all states)" },
  latest: { kind: "flag", short: "l", help: "Show the latest created container (includes all states)" },
  "no-trunc": { kind: "flag", help: "Don't truncate output" },
  quiet: { kind: "flag", short: "q", help: "Only display container IDs" },
  size: { kind: "flag", short: "s", help: "Display total file sizes" },
} as const satisfies Record<string, FlagSpec>;

const commandWidth = 20;
const mountWidth = 15;

export const ps: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "ps [OPTIONS]", "List containers", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  if (args.length > 0) throw new UsageError(`"berth ps" accepts no arguments.`);
  const list = await cli.engine.json<ContainerSummary[]>("GET", "/containers/json", {
    query: {
      all: flags.all,
      limit: flags.latest ? 1 : flags.last,
      size: flags.size,
      filters: filtersText(flags.filter),
    },
  });
  if (flags.quiet) {
    for (const { Id = "" } of list) cli.stdout.write(`${flags["no-trunc"] ? Id : shortId(Id)}\n`);
    return 0;
  }
  const rows = list.map((one) => row(one, flags["no-trunc"]));
  const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", ...(flags.size ? ["Size"] : [])];
  writeListing(cli, { headings, columns, rows }, flags.format);
  return 0;
};

const headings = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Status: "STATUS",
  State: "STATE",
  Ports: "PORTS",
  Names: "NAMES",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
};

const mountsText = ({ Mounts }: ContainerSummary, whole: boolean): string =>
  (Mounts ?? [])
    .map(({ Name, Source }) => Name || Source || "")
    .map((name) => (whole ? name : ellipsis(name, mountWidth)))
    .join(",");

const row = (one: ContainerSummary, whole: boolean): Record<string, string> => {
  const command = one.Command ?? "";
  const image = one.Image ?? "";
  const root = one.SizeRootFs ? ` (virtual ${humanSize(one.SizeRootFs)})` : "";
  return {
    ID: whole ? (one.Id ?? "") : shortId(one.Id ?? ""),
    Image: !whole && image.startsWith("sha256:") ? shortId(image) : image,
    Command: JSON.stringify(whole ? command : ellipsis(command, commandWidth)),
    CreatedAt: goTimeText(one.Created ?? 0),
    RunningFor: `${humanDuration(Date.now() - (one.Created ?? 0) * 1000)} ago`,
    Status: one.Status ?? "",
    State: one.State ?? "",
    Ports: portsText(one.Ports ?? []),
    Names: (one.Names ?? []).map((name) => name.slice(1)).join(","),
    Size: `${humanSize(one.SizeRw ?? 0)}${root}`,
    Labels: Object.entries(one.Labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(","),
    Mounts: mountsText(one, whole),
    LocalVolumes: String((one.Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
    Networks: Object.keys(one.NetworkSettings?.Networks ?? {})
      .sort()
      .join(","),
  };
};

/** `--filter a=b --filter c=d` as the query's JSON; undefined for none. @throws UsageError */
export const filtersText = (filters: readonly string[]): string | undefined => {
  if (filters.length === 0) return undefined;
  const values: Record<string, Record<string, true>> = {};
  for (const filter of filters) {
    const at = filter.indexOf("=");
    if (at < 0)
      throw new UsageError(
        `invalid argument "${filter}" for "-f, --filter" flag: bad format of filter (expected name=value)`,
      );
    (values[filter.slice(0, at).trim().toLowerCase()] ??= {})[filter.slice(at + 1).trim()] = true;
  }
  return JSON.stringify(values);
};
