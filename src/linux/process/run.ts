import type { Socket } from "node:net";
import { SystemError } from "../error.ts";
import { statusOf } from "./exit.ts";
import { kill } from "./kill.ts";
import { spawn } from "./spawn.ts";

export interface RunOptions {
  /** Written to the program's standard input, which is /dev/null without it. */
  input?: Uint8Array | string;
  env?: Record<string, string | undefined>;
  cwd?: string;
  timeoutMs?: number;
  /** Of stdout and of stderr, each; the program is killed when one grows past it. */
  maxOutputBytes?: number;
  signal?: AbortSignal;
}

export interface RunResult {
  /** 0–255, or 128 and the signal that killed it. */
  code: number;
  stdout: Buffer;
  stderr: string;
}

const defaultMaxOutputBytes = 16 * 1024 * 1024;
const defaultTimeoutMs = 60_000;
/** How long output is read on after the program's end, when a process it left behind holds the pipe. */
const drainMs = 1000;
const SIGKILL = 9;
const ETIMEDOUT = 110;
const EFBIG = 27;

/**
 * Runs a program to its end and hands back what it wrote. A status other than 0 is a result, not an error. With the
 * time over, the output too large or the signal aborted, its whole process group is killed.
 *
 * @throws SystemError when it cannot be executed; ETIMEDOUT, EFBIG (output); the signal's reason.
 */
export const run = async (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
  options.signal?.throwIfAborted();
  const stdin = options.input === undefined ? "null" : "pipe";
  const child = spawn(argv, { env: options.env, cwd: options.cwd, stdin, stdout: "pipe", stderr: "pipe" });
  let failure: unknown;
  const stop = (reason: unknown): void => {
    failure ??= reason;
    kill(-child.pid, SIGKILL);
  };
  const timer = setTimeout(
    () => stop(new SystemError(ETIMEDOUT, "run", argv[0])),
    options.timeoutMs ?? defaultTimeoutMs,
  );
  const onAbort = (): void => stop(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const limit = options.maxOutputBytes ?? defaultMaxOutputBytes;
  const onOverflow = (): void => stop(new SystemError(EFBIG, "run", argv[0], `output above ${limit} bytes`));
  const outputs = [collect(child.stdout, limit, onOverflow), collect(child.stderr, limit, onOverflow)];
  // A program that ends without reading its input is no error here (EPIPE).
  child.stdin?.on("error", () => {}).end(options.input ?? "");
  try {
    const exit = await child.exited;
    const drain = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream?.destroy()), drainMs);
    const [stdout = Buffer.alloc(0), stderr = Buffer.alloc(0)] = await Promise.all(outputs);
    clearTimeout(drain);
    if (failure !== undefined) throw failure;
    return { code: statusOf(exit), stdout, stderr: stderr.toString() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
    child.stdin?.destroy();
  }
};

/** Everything a stream brings until it is closed, at most `limit` bytes of it. */
const collect = (stream: Socket | undefined, limit: number, onOverflow: () => void): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream?.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) onOverflow();
      else chunks.push(chunk);
    });
    stream?.on("error", () => {});
    stream?.once("close", () => resolve(Buffer.concat(chunks)));
  });
