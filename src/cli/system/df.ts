import { shortId } from "../../base/ids.ts";
import type { DiskReport, DiskReportUse } from "../../wire/engine/disk.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { humanSize } from "../format/size.ts";
import { table } from "../format/table.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  verbose: { kind: "flag", short: "v", help: "Show each image, container and volume" },
  bytes: { kind: "flag", help: "Show sizes in bytes" },
} as const satisfies Record<string, FlagSpec>;

export const df: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "system df [OPTIONS]", "Show what the engine takes on the disk", spec)) return 0;
  const { flags } = parseFlags(spec, argv);
  const report = await cli.engine.json<DiskReport>("GET", "/system/disk");
  const size = (bytes: number): string => (flags.bytes ? String(bytes) : humanSize(bytes, 4));
  const cells = (use: DiskReportUse): string[] => [size(use.ApparentBytes), size(use.AllocatedBytes)];
  const section = (title: string, head: string[], rows: string[][]): void =>
    void cli.stdout.write(`${title}\n${rows.length === 0 ? "(none)\n" : table([head, ...rows])}\n`);
  if (flags.verbose) {
    const images = report.Images.map((image) => [
      image.Names.join(",") || "<none>",
      shortId(image.Id),
      ...cells(image),
      size(image.Unique.AllocatedBytes),
    ]);
    section("Images", ["NAME", "IMAGE ID", "APPARENT", "ALLOCATED", "UNIQUE"], images);
    const containers = report.Containers.map(({ Id, Name, Layers, Files }) => [
      shortId(Id),
      Name,
      size(Layers.AllocatedBytes),
      size(Files.AllocatedBytes),
    ]);
    section("Containers", ["CONTAINER ID", "NAME", "LAYER", "FILES AND LOG"], containers);
    const volumes = report.Volumes.map((volume) => [volume.Name, ...cells(volume)]);
    section("Volumes", ["NAME", "APPARENT", "ALLOCATED"], volumes);
  }
  const rooms = report.Rooms.map((room) => [room.Name, ...cells(room)]);
  const total = ["total", ...cells(report.Total)];
  section(report.DataRoot, ["ROOM", "APPARENT", "ALLOCATED"], [...rooms, total]);
  return 0;
};
