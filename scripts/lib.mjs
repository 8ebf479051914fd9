// What the set-up scripts share. Plain JavaScript: the system's Node may be 20, which runs no TypeScript.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { arch } from "node:process";

export const root = join(import.meta.dirname, "..");
export const node = join(root, "bin/berth-node");
export const bundledNode = join(root, `node_modules/node-linux-${arch}/bin/node`);

/**
 * Ends the process with status 1 and says why.
 * @returns {never}
 */
export const fail = (message) => {
  console.error(message);
  process.exit(1);
};

/** Runs a command with this terminal's output; ends the process with its status when it fails. */
export const must = (command, args, options = {}) => {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
};

/** Runs a command and returns its output; when it fails, shows what it wrote and ends the process. */
export const output = (command, args, options = {}) => {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26, ...options });
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status === 0) return result.stdout;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  return fail(`${[command, ...args].join(" ")} failed`);
};

/** Runs a command quietly; true when it succeeded. */
export const succeeds = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

const isProgram = (path) => {
  try {
    return statSync(path).isFile() && (statSync(path).mode & 0o111) !== 0;
  } catch {
    return false;
  }
};

/** The absolute path of a program, or undefined. */
export const findOnPath = (name) =>
  (process.env.PATH ?? "")
    .split(":")
    .filter((folder) => folder.startsWith("/"))
    .concat("/usr/sbin", "/sbin")
    .map((folder) => join(folder, name))
    .find(isProgram);
