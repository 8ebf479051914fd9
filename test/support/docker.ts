// The stock docker CLI, driven by tests. No command can outlive its limit.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stockClient } from "../cli/client.ts";

const limitMs = 20_000;

/** How a command ended. `code` is null when it was killed at its limit. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Buffer;
  limitMs?: number;
}

/** Runs a program to its end, or to its limit. */
export const runProgram = (argv: string[], options: RunOptions & { env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(argv[0] ?? "", argv.slice(1), {
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: options.env ?? process.env,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => child.kill("SIGKILL"), options.limitMs ?? limitMs);
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin?.on("error", () => {}); // the program may end before it has read everything
    child.stdin?.end(options.input);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });

/** A client of one engine, with a configuration folder of its own. */
export class Docker implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "berth-docker-"));
  readonly #program = join(stockClient().folder, "docker");
  readonly env: NodeJS.ProcessEnv;

  constructor(socketPath: string) {
    this.env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      DOCKER_HOST: `unix://${socketPath}`,
      DOCKER_CONFIG: this.#folder,
      DOCKER_CLI_HINTS: "false",
      HOME: this.#folder,
      LC_ALL: "C.UTF-8",
    };
  }

  /** Runs `docker ARGS…` to its end. */
  run(args: string[], options: RunOptions = {}): Promise<Outcome> {
    return runProgram([this.#program, ...args], { ...options, env: this.env });
  }

  /** The same for what must succeed. @returns stdout without the newline at its end @throws Error with what it said */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** A field of an object's inspect. */
  async field(reference: string, template: string): Promise<string> {
    return this.ok("inspect", "-f", template, reference);
  }

  /** Starts a command and leaves it to the caller, who ends it. */
  start(args: string[]): ChildProcess {
    return spawn(this.#program, args, { stdio: ["pipe", "pipe", "pipe"], env: this.env });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
