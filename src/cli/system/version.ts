import type { SystemVersion } from "../../wire/engine/system.ts";
import type { Command } from "../cli.ts";

export const version: Command = async (cli) => {
  const server = await cli.engine.json<SystemVersion>("GET", "/version");
  const rows: [string, string | undefined][] = [
    ["Server:", server.Platform?.Name],
    [" Version:", server.Version],
    [" API version:", `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`],
    [" Git commit:", server.GitCommit],
    [" Built:", server.BuildTime],
    [" OS/Arch:", `${server.Os}/${server.Arch}`],
    [" Kernel:", server.KernelVersion],
  ];
  for (const [key, value] of rows) if (value) cli.stdout.write(`${key.padEnd(15)} ${value}\n`);
  return 0;
};
