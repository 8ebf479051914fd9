import { ApiError } from "../../client/client.ts";
import type { Command } from "../cli.ts";
import { type FlagSpec, parseFlags, UsageError } from "../flags.ts";
import { writeInspected } from "../format/inspected.ts";
import { wantsHelp } from "../help.ts";

const spec = {
  format: { kind: "value", short: "f", help: "Format output using a custom template: json or a Go template" },
  type: { kind: "value", help: "Only inspect objects of the given type (container, image, network, volume)" },
  size: { kind: "flag", short: "s", help: "Display total file sizes if the type is container" },
} as const satisfies Record<string, FlagSpec>;

const paths: Record<string, (name: string) => string> = {
  container: (name) => `/containers/${name}/json`,
  image: (name) => `/images/${name}/json`,
  network: (name) => `/networks/${name}`,
  volume: (name) => `/volumes/${name}`,
};

export const inspect: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "inspect [OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  if (args.length === 0) throw new UsageError(`"berth inspect" requires at least 1 argument.`);
  if (flags.type !== undefined && !paths[flags.type]) throw new UsageError(`unknown type: "${flags.type}"`);
  const kinds = flags.type === undefined ? Object.keys(paths) : [flags.type];
  const found: object[] = [];
  const missing: string[] = [];
  for (const name of args) {
    const object = await firstOf(cli, kinds, name, flags.size);
    if (object === undefined) missing.push(name);
    else found.push(object);
  }
  writeInspected(cli, found, flags.format);
  for (const name of missing) cli.stderr.write(`Error: No such ${flags.type ?? "object"}: ${name}\n`);
  return missing.length > 0 ? 1 : 0;
};

const firstOf = async (
  cli: Parameters<Command>[0],
  kinds: readonly string[],
  name: string,
  size: boolean,
): Promise<object | undefined> => {
  for (const kind of kinds) {
    try {
      return await cli.engine.json("GET", paths[kind]?.(encodeURIComponent(name)) ?? "", { query: { size } });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
  return undefined;
};
