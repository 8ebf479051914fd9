// What the checks in the guest share: the engine, as the machine runs it, and the stock client.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";

// Both only end what hangs. On one busy processor, emulated, the daemon has taken four minutes to its first answer, and a
// `docker run` 30 seconds: nothing here says how fast the engine is.
const readyLimitMs = 15 * 60_000;
const commandLimitMs = 5 * 60_000;

const socket = "/run/berth.sock";
const logPath = "/run/berthd.log";

/** Whether systemd is this machine's first process, and the engine's cgroup driver. */
export const systemd = existsSync("/run/systemd/system");

/** What the driver makes of a container's id, as /proc/PID/cgroup shows it. */
export const cgroupOf = (id: string): string => (systemd ? `/system.slice/docker-${id}.scope` : `/docker/${id}`);

export const cgroupFolder = (id: string): string => join("/sys/fs/cgroup", cgroupOf(id));

/** A file of the cgroup with a container's limits and processes: with systemd crun has one below the scope. */
export const read = (id: string, file: string): string => {
  const [own = ""] = [join(cgroupFolder(id), "container"), cgroupFolder(id)].filter((path) => existsSync(path));
  return readFileSync(join(own, file), "utf8").trim();
};

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so; how long it may take is no matter. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + commandLimitMs; !(await holds()); await sleep(200))
    if (Date.now() > end) throw new Error(`never came: ${what}`);
};

/** A GET request's answer. */
export const call = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, path, agent: false, timeout: commandLimitMs }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () => resolve(text));
    });
    sent.on("error", reject);
    sent.end();
  });

const command = (path: string, args: readonly string[]) => {
  const environment = { ...process.env, DOCKER_HOST: `unix://${socket}`, HOME: "/root" };
  const options = { encoding: "utf8", env: environment, timeout: commandLimitMs, killSignal: "SIGKILL" } as const;
  const { status, stdout, stderr, error } = spawnSync(path, args, options);
  return { status, stdout: (stdout ?? "").trim(), stderr: `${stderr ?? ""}${error?.message ?? ""}`.trim() };
};

export const docker = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  command("/usr/local/bin/docker", args);

/** A command of the client that must succeed. @returns what it printed */
export const ok = (...args: string[]): string => {
  const { status, stdout, stderr } = docker(...args);
  assert.equal(status, 0, `docker ${args.join(" ")}: ${stderr}`);
  return stdout;
};

/** @returns what it printed; empty when it failed */
export const systemctl = (...args: string[]): string => command("/usr/bin/systemctl", args).stdout;

const spawnDaemon = (): (() => number | null) => {
  const log = openSync(logPath, "a");
  const args = ["--host", `unix://${socket}`, "--data-root", "/data", "--exec-root", "/run/berth"];
  const child = spawn("/berth/bin/berthd", args, { stdio: ["ignore", log, log] });
  return () => (child.exitCode === null ? (child.pid ?? null) : null);
};

const startUnit = (): (() => number | null) => {
  systemctl("reset-failed", "berth.service");
  systemctl("start", "berth.service");
  return () => Number(systemctl("show", "--value", "-p", "MainPID", "berth.service")) || null;
};

/** Starts the engine and waits for its first answer. @returns its process */
export const startDaemon = async (): Promise<number> => {
  const running = systemd ? startUnit() : spawnDaemon();
  for (const end = Date.now() + readyLimitMs; Date.now() < end; await sleep(200)) {
    const answer = await call("/_ping").catch(() => "");
    const pid = running();
    if (pid === null) break;
    if (answer === "OK") return pid;
  }
  throw new Error("berthd does not answer");
};

export const daemonLog = (): string => (existsSync(logPath) ? readFileSync(logPath, "utf8") : "");

/** What `scripts/guest/run.mjs PATTERN` asked for. */
const only = new RegExp(/berth\.only=(\S*)/.exec(readFileSync("/proc/cmdline", "utf8"))?.[1] ?? "");

let failures = 0;

/** How many checks failed; what else went wrong counts too. */
export const failed = (): number => failures;

export const tellFailure = (text: string): void => {
  failures++;
  console.log(`FAIL ${text.replaceAll("\n", " | ")}`);
};

/** Runs one check and prints a line that `scripts/guest/qemu.mjs` counts. */
export const check = async (name: string, body: () => unknown): Promise<void> => {
  if (!only.test(name)) return;
  const start = performance.now();
  try {
    await body();
    console.log(`PASS ${name} (${Math.round(performance.now() - start)} ms)`);
  } catch (error) {
    tellFailure(`${name} (${Math.round(performance.now() - start)} ms): ${String(error)}`);
  }
};
