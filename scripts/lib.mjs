// What the set-up scripts share. Plain JavaScript: the system's Node may be 20, which runs no TypeScript.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { arch } from "node:process";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");
export const node = join(root, "bin/berth-node");
export const bundledNode = join(root, `node_modules/node-linux-${arch}/bin/node`);

/** Runs a command with this terminal's output; ends the process with its status when it fails. */
export const must = (command, args, options = {}) => {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error) {
    console.error(`${command}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
};

/** Runs a command quietly; true when it succeeded. */
export const succeeds = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

export const onPath = (name) =>
  (process.env.PATH ?? "")
    .split(":")
    .concat("/usr/sbin", "/sbin")
    .some((folder) => existsSync(join(folder, name)));
