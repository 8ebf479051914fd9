import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A regular file of this machine. */
export interface SourceFile {
  path: string;
  sizeBytes: number;
}

const rootPaths = ["/usr/lib", "/usr/share", "/usr/include", join(import.meta.dirname, "../../node_modules")];
/** Larger files are left out: an image is to be made of many. */
const fileBytesMax = 16 * 2 ** 20;

/** A number generator that gives the same row for the same seed (mulberry32). */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const walk = (directory: string, found: SourceFile[]): void => {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) walk(path, found);
    else if (entry.isFile()) found.push({ path, sizeBytes: lstatSync(path).size });
  }
};

/**
 * Chooses real files of this machine: `count` of them, together about `totalBytes`. The same seed chooses the same
 * while the machine has the same files.
 *
 * @throws Error when the machine has too few.
 */
export const chooseFiles = (count: number, totalBytes: number, seed: number): SourceFile[] => {
  const found: SourceFile[] = [];
  for (const root of rootPaths) walk(root, found);
  const candidates = found.filter(({ sizeBytes }) => sizeBytes <= fileBytesMax);
  if (candidates.length < count) throw new Error(`only ${candidates.length} files on this machine`);
  const random = randomFrom(seed);
  for (let index = candidates.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [candidates[index], candidates[other]] = [candidates[other]!, candidates[index]!];
  }
  const chosen = candidates.slice(0, count);
  const spare = candidates.slice(count);
  let sum = chosen.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  // Random swaps that bring the sum nearer: the mix of sizes stays as it is on real systems.
  for (let tries = 0; spare.length > 0 && tries < 40 * count && Math.abs(sum - totalBytes) > 65_536; tries++) {
    const [one, other] = [Math.floor(random() * count), Math.floor(random() * spare.length)];
    const [out, into] = [chosen[one]!, spare[other]!];
    const next = sum - out.sizeBytes + into.sizeBytes;
    if (Math.abs(next - totalBytes) >= Math.abs(sum - totalBytes)) continue;
    [chosen[one], spare[other], sum] = [into, out, next];
  }
  // Side by side with their neighbours, as layers have them.
  return chosen.sort((a, b) => (a.path < b.path ? -1 : 1));
};
