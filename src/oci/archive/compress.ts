import { createGzip } from "node:zlib";
import type { Readable } from "node:stream";
import { findBinary } from "../../linux/process/find-binary.ts";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import { pump } from "./pump.ts";

/**
 * How bytes were compressed: who does it again in the same way gets the same bytes, as far as the digest that stands
 * beside it says.
 */
export interface Recipe {
  /** `igzip`, `gzip`, `zstd`; `node:zlib` for the library in this process. */
  program: string;
  version: string;
  options: string[];
}

/** A recipe that this machine can follow. */
export interface Compressor {
  recipe: Recipe;
  /** The program by its absolute path, with its options; null for the library in this process. */
  argv: string[] | null;
}

const builtin = "node:zlib";
const builtinLevel = 4;
const chunkBytes = 1 << 18;

/**
 * In the order of preference. igzip at this level makes of a layer 9 % more than Docker's gzip, in a fifteenth of the
 * time; its best makes 7 % more and takes a third longer. Options that records name are never changed, only added.
 *
 * **Source:** docs/adr/0018-exact-bytes.md.
 */
const preferred: readonly { program: string; options: string[] }[] = [
  { program: "igzip", options: ["-2", "-c"] },
  { program: "gzip", options: ["-4", "-n", "-c"] },
];

const versionTimeoutMs = 5_000;
const versionBytesMax = 4096;
const SIGKILL = 9;

/** The programs of the host that compress, and which version each is: asked once. */
export class Compressors {
  readonly #find: (name: string) => string | null;
  readonly #versions = new Map<string, Promise<string | null>>();

  /** @param find where a program is; another answer than the host's is for tests */
  constructor(find: (name: string) => string | null = findBinary) {
    this.#find = find;
  }

  /** What new layers are compressed with. */
  async preferred(): Promise<Compressor> {
    for (const { program, options } of preferred) {
      const found = await this.#version(program);
      const path = this.#find(program);
      if (found !== null && path !== null)
        return { recipe: { program, version: found, options: [...options] }, argv: [path, ...options] };
    }
    return {
      recipe: { program: builtin, version: process.versions["zlib"] ?? "", options: [String(builtinLevel)] },
      argv: null,
    };
  }

  /** What follows a recipe here; undefined when this machine has not that version of that program. */
  async following(recipe: Recipe): Promise<Compressor | undefined> {
    const { program, version, options } = recipe;
    if (program === builtin)
      return version === process.versions["zlib"] && options[0] === String(builtinLevel)
        ? { recipe, argv: null }
        : undefined;
    // What a database says is run as it was written by us only.
    if (!preferred.some((known) => known.program === program && known.options.join(" ") === options.join(" ")))
      return undefined;
    const path = this.#find(program);
    return path !== null && (await this.#version(program)) === version
      ? { recipe, argv: [path, ...options] }
      : undefined;
  }

  #version(program: string): Promise<string | null> {
    const known = this.#versions.get(program);
    if (known !== undefined) return known;
    const path = this.#find(program);
    const asked = path === null ? Promise.resolve(null) : versionOf(path);
    this.#versions.set(program, asked);
    return asked;
  }
}

/** The first number with a dot in what `--version` says; null when it says nothing. */
const versionOf = async (path: string): Promise<string | null> => {
  const child = spawn([path, "--version"], { stdout: "pipe", env: {} });
  const timer = setTimeout(() => kill(child.pid, SIGKILL), versionTimeoutMs);
  let text = "";
  try {
    for await (const chunk of child.stdout ?? []) {
      if (text.length < versionBytesMax) text += (chunk as Buffer).toString("latin1");
    }
  } finally {
    child.stdout?.destroy();
    await child.exited;
    clearTimeout(timer);
  }
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? null;
};

/** A stream's bytes, compressed by the library in this process. @throws what the source failed with */
export async function* gzipBuiltin(source: Readable): AsyncGenerator<Buffer> {
  const transform = createGzip({ level: builtinLevel, chunkSize: chunkBytes });
  const pumped = pump(source, transform);
  // Awaited below; until then a failure is nobody's.
  pumped.catch(() => undefined);
  try {
    yield* transform as AsyncIterable<Buffer>;
  } catch (error) {
    // It was the source that broke, more often than not: that is what is told.
    await pumped;
    throw error;
  } finally {
    source.destroy();
    transform.destroy();
  }
  await pumped;
}
