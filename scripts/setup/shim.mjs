import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { must, root } from "../lib.mjs";

const folder = join(root, "native/shim");
const target = join(root, "build/berth-shim");

/** Compiles berth-shim, when its sources are newer than it. */
export const compileShim = () => {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs));
  if (existsSync(target) && statSync(target).mtimeMs > newest) return;
  console.log("setup: compiling the shim");
  mkdirSync(join(root, "build"), { recursive: true });
  const flags = readFileSync(join(folder, "cflags"), "utf8").split(/\s+/).filter(Boolean);
  const partial = `${target}.${process.pid}`;
  must("musl-gcc", [...flags, "-o", partial, ...files.filter((file) => file.endsWith(".c"))]);
  // Running containers have the old one open: it is replaced, never written to.
  renameSync(partial, target);
};
