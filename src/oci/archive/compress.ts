import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { findBinary } from "../../linux/process/find-binary.ts";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import { pump } from "./pump.ts";

const chunkBytes = 1 << 18;
const SIGKILL = 9;

const programs: readonly [string, ...string[]][] = [
  ["igzip", "-1", "-c"],
  ["gzip", "-4", "-n", "-c"],
];

const compressor = (): string[] | null => {
  for (const [name, ...options] of programs) {
    const path = findBinary(name);
    if (path !== null) return [path, ...options];
  }
  return null;
};

/**
 * A stream's bytes, gzip-compressed by a program of the host, or by Node where there is none.
 *
 * @throws what the source failed with; Error when the program fails.
 */
export async function* gzip(source: Readable): AsyncGenerator<Buffer> {
  const program = compressor();
  if (program === null) {
    const transform = createGzip({ level: 4, chunkSize: chunkBytes });
    const pumped = pump(source, transform);
    pumped.catch((error: unknown) => transform.destroy(error as Error));
    yield* transform as AsyncIterable<Buffer>;
    return;
  }
  const child = spawn(program, { stdin: "pipe", stdout: "pipe", env: {} });
  const pumped = pump(source, child.stdin as Socket);
  // Awaited below; until then a failure is nobody's.
  pumped.catch(() => undefined);
  let ended = false;
  try {
    yield* child.stdout as unknown as AsyncIterable<Buffer>;
    await pumped;
    const { code } = await child.exited;
    ended = true;
    if (code !== 0) throw new Error(`${program[0]} ended with status ${code}`);
  } finally {
    if (!ended) kill(child.pid, SIGKILL);
    source.destroy();
    child.stdout?.destroy();
    await child.exited;
  }
}
