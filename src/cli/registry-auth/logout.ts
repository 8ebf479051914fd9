import type { Command } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { eraseCredentials, hostOf, hubServer, serverOf } from "./credentials.ts";

const summary = "Log out from a registry. If no server is specified, the default is defined by the daemon.";

export const logout: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "logout [SERVER]", summary, {})) return 0;
  const { args } = parseFlags({}, argv);
  requireArguments("logout", args, 0, 1);
  const server = serverOf(hostOf(args[0] ?? ""));
  cli.stdout.write(`Removing login credentials for ${server === hubServer ? server : hostOf(server)}\n`);
  await eraseCredentials(cli.env, server);
  return 0;
};
