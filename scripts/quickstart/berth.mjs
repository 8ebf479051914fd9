// The quick start's client.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fail, root } from "../lib.mjs";
import { socketPath } from "./daemon.mjs";

const commandLimitMs = 60_000;

export const berth = (args, options = {}) =>
  spawnSync(join(root, "bin/berth"), ["--host", `unix://${socketPath}`, ...args], {
    encoding: "utf8",
    timeout: commandLimitMs,
    ...options,
  });

/** Its output; ends the process, with the engine's words, when the command fails. */
export const must = (args, options) => {
  const result = berth(args, options);
  if (result.status !== 0) fail(`quickstart: berth ${args.join(" ")}: ${result.stderr || result.error?.message}`);
  return result.stdout;
};
