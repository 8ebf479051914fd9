import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledNode, must, root } from "../lib.mjs";

const folder = join(root, "node_modules");
/** Says which lock file the installed dependencies came from. */
const stamp = join(folder, ".berth-lock");

const isLink = () => lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/** Installs what package-lock.json names: Node 26 itself, the libraries and the tools. */
export const installDependencies = () => {
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
  if (installed === wanted && existsSync(bundledNode)) return;
  // A work tree that shares another's dependencies: npm would empty them under the other's feet.
  if (isLink()) return;
  console.log("setup: installing dependencies from npm");
  must("npm", ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, wanted);
};
