import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync, readFileSync, readdirSync, readlinkSync } from "node:fs";

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Outcome {
  code: number | null;
  /** From before the start to the seen exit. */
  tookMs: number;
  stdout: string;
  stderr: string;
}

const commandLimitMs = 300_000;

/** Runs a command to its end and times it. `discard` sends its output to /dev/null, as a measured client's should be. */
export const run = (
  argv: string[],
  options: { discard?: boolean; env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const begin = performance.now();
    const child = spawn(argv[0] ?? "", argv.slice(1), {
      stdio: [
        options.input === undefined ? "ignore" : "pipe",
        options.discard ? "ignore" : "pipe",
        options.discard ? "ignore" : "pipe",
      ],
      env: options.env ?? process.env,
      timeout: commandLimitMs,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin?.end(options.input);
    child.on("error", reject);
    let tookMs = 0;
    child.on("exit", () => (tookMs = performance.now() - begin));
    child.on("close", (code) =>
      resolve({ code, tookMs, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });

/** As `run`, but a failure is an error with the command's own words. */
export const must = async (argv: string[], options: Parameters<typeof run>[1] = {}): Promise<Outcome> => {
  const outcome = await run(argv, options);
  if (outcome.code !== 0)
    throw new Error(`${argv.join(" ").slice(0, 300)}: exit ${outcome.code}: ${outcome.stderr.slice(0, 1000)}`);
  return outcome;
};

/** Starts a daemon with its output in a file. */
export const background = (argv: string[], logPath: string, env: NodeJS.ProcessEnv = process.env): ChildProcess => {
  const log = openSync(logPath, "a");
  const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", log, log], env, detached: true });
  closeSync(log);
  return child;
};

export const ended = (child: ChildProcess, limitMs: number): Promise<boolean> => {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
};

/** Proportional set size in KB; 0 for a process that is gone. */
export const pssKb = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
};

const link = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

/** Every process of the bench's own namespaces: neither containers nor what else runs on the machine. */
export const hostProcesses = (): Set<number> => {
  const namespaces = (pid: string): string => `${link(`/proc/${pid}/ns/pid`)} ${link(`/proc/${pid}/ns/mnt`)}`;
  const own = namespaces("self");
  return new Set(
    readdirSync("/proc")
      .filter((pid) => Number(pid) > 0 && namespaces(pid) === own)
      .map(Number),
  );
};

export const nameOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
};
