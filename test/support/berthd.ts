import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const readyLimitMs = 15_000;
const stopLimitMs = 15_000;

/** A daemon of our own, with a socket, a data root and an exec root below one temporary folder. */
export interface Berthd extends AsyncDisposable {
  socketPath: string;
  dataRoot: string;
  /** Undefined once it has ended. */
  pid: number | undefined;
  /** What it wrote to stdout and stderr. */
  output: () => Promise<string>;
  /** Ends it without warning and starts another on the same roots. */
  killAndStart: () => Promise<void>;
}

/** True when something answers `GET /_ping` on a unix socket. */
export const ping = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const call = request({ socketPath, path: "/_ping", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.setTimeout(2000, () => call.destroy());
    call.on("error", () => resolve(false));
    call.end();
  });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

/**
 * Starts `bin/berthd` of this checkout and waits until it answers. Run it inside `scripts/sandbox.sh`.
 * @throws when it ends or does not answer within 15 s; the message carries its output.
 */
export const startBerthd = async (options: { args?: string[]; env?: Record<string, string> } = {}): Promise<Berthd> => {
  const folder = await mkdtemp(join(tmpdir(), "berth-test-"));
  const socketPath = join(folder, "berth.sock");
  const dataRoot = join(folder, "data");
  const logPath = join(folder, "berthd.log");
  let child: ChildProcess | undefined;
  const output = () => readFile(logPath, "utf8").catch(() => "");
  const start = async () => {
    const args = [
      "--host",
      `unix://${socketPath}`,
      "--data-root",
      dataRoot,
      "--exec-root",
      join(folder, "exec"),
      "--pidfile",
      join(folder, "berthd.pid"),
      ...(options.args ?? []),
    ];
    const started = spawn(
      "/bin/sh",
      ["-c", 'exec "$@" >>"$LOG" 2>&1', "sh", join(import.meta.dirname, "../../bin/berthd"), ...args],
      {
        stdio: "ignore",
        env: { ...process.env, ...options.env, LOG: logPath },
      },
    );
    child = started;
    const end = Date.now() + readyLimitMs;
    while (!(await ping(socketPath))) {
      if (started.exitCode !== null || Date.now() > end) {
        started.kill("SIGKILL");
        throw new Error(`berthd does not answer:\n${await output()}`);
      }
      await sleep(30);
    }
  };
  await start();
  return {
    socketPath,
    dataRoot,
    get pid() {
      return child?.exitCode === null ? child.pid : undefined;
    },
    output,
    async killAndStart() {
      child?.kill("SIGKILL");
      if (child) await ended(child);
      await start();
    },
    async [Symbol.asyncDispose]() {
      if (child) {
        child.kill("SIGTERM");
        const overdue = setTimeout(() => child?.kill("SIGKILL"), stopLimitMs);
        await ended(child);
        clearTimeout(overdue);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
};
