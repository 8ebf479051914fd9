import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { pipe } from "../../linux/file/pipe.ts";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import type { Child } from "../../linux/process/spawn.ts";
import type { JournalPlace } from "./journal/rebuild.ts";
import type { LayerWorkers } from "./worker/pool.ts";

const pipeBytes = 1 << 20;
const SIGKILL = 9;

/**
 * A layer's archive, rebuilt and compressed: a worker writes it into a pipe that a program of the host reads, and only
 * what comes out of that passes through the calling thread.
 *
 * @param argv the program by its absolute path, with its options; it reads its input and writes its output
 * @param onProgress hears how many bytes of the archive were written so far
 * @throws JournalError when the layer is damaged; Error when the program fails.
 */
export async function* compressedLayer(
  workers: LayerWorkers,
  place: JournalPlace,
  argv: readonly string[],
  onProgress: (bytes: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  const written = new BigInt64Array(new SharedArrayBuffer(8));
  const { child, input, output } = start(argv);
  const rebuilt = workers.run("rebuild", { place, output: input, written });
  // Awaited below; until then a failure is nobody's.
  rebuilt.catch(() => undefined);
  const stdout = new Socket({ fd: output, readable: true, writable: false });
  let runs = true;
  const exited = child.exited.finally(() => (runs = false));
  const end = (): void => {
    if (runs) kill(child.pid, SIGKILL);
    stdout.destroy();
  };
  workers.closing.addEventListener("abort", end);
  try {
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      onProgress(Number(Atomics.load(written, 0)));
      yield chunk;
    }
    await rebuilt;
    const { code } = await exited;
    if (code !== 0) throw new Error(`${argv[0]} ended with status ${code}`);
    onProgress(Number(Atomics.load(written, 0)));
  } finally {
    end();
    workers.closing.removeEventListener("abort", end);
    await exited;
    await rebuilt.catch(() => undefined);
  }
}

/** Starts the program between two pipes. @returns our ends: where its input is written, where its output is read */
const start = (argv: readonly string[]): { child: Child; input: number; output: number } => {
  const into = pipe(pipeBytes);
  const from = pipe(pipeBytes);
  try {
    return {
      child: spawn(argv, { stdin: into.read, stdout: from.write, env: {} }),
      input: into.write,
      output: from.read,
    };
  } catch (error) {
    closeSync(into.write);
    closeSync(from.read);
    throw error;
  } finally {
    closeSync(into.read);
    closeSync(from.write);
  }
};
