// Starts and ends the quick start's berthd, on its embedded defaults.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, root } from "../lib.mjs";
import { entering, stateFolder } from "./namespace.mjs";

export const socketPath = "/run/berth.sock";
export const dataRoot = "/var/lib/berth";
const logFolder = "/var/log/berth";
export const logPath = join(logFolder, "berthd.log");
/** Names the daemon that the quick start began; another's is used, and left alone by --stop. */
const pidPath = join(stateFolder, "berthd.pid");

const readyLimitMs = 30_000;
const stopLimitMs = 30_000;
const stepMs = 50;

/** True when an engine answers on the socket. */
export const answers = () =>
  new Promise((resolve) => {
    const call = request({ socketPath, path: "/_ping", timeout: 2000, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(false));
    call.end();
  });

const isBerthd = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("berthd");
  } catch {
    return false;
  }
};

/** The process id of the daemon that the quick start began, when it still runs. */
export const ownPid = () => {
  const pid = existsSync(pidPath) ? Number(readFileSync(pidPath, "utf8")) : 0;
  return pid > 1 && isBerthd(pid) ? pid : undefined;
};

/** True when the daemon that the quick start began has ended on its own: its containers run on. */
export const hasDied = () => existsSync(pidPath) && ownPid() === undefined;

/** What the daemon wrote to its log since `offset`. */
const logSince = (offset) => readFileSync(logPath).subarray(offset).toString("utf8");

/** Starts berthd and waits until it answers. */
export const startDaemon = async () => {
  mkdirSync(logFolder, { recursive: true });
  mkdirSync(stateFolder, { recursive: true });
  const log = openSync(logPath, "a");
  const offset = statSync(logPath).size;
  const [command, ...args] = [...entering(), join(root, "bin/berthd")];
  const child = spawn(command, args, { cwd: "/", detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.once("error", () => (ended = true));
  for (const end = Date.now() + readyLimitMs; !(await answers()); await sleep(stepMs)) {
    if (!ended && Date.now() < end) continue;
    child.kill("SIGTERM");
    fail(`quickstart: berthd did not start; ${logPath} says:\n${logSince(offset)}`);
  }
  child.unref();
  writeFileSync(pidPath, String(child.pid));
};

/** Ends the daemon that the quick start began; containers run on. */
export const stopDaemon = async (pid) => {
  process.kill(pid, "SIGTERM");
  for (const end = Date.now() + stopLimitMs; isBerthd(pid); await sleep(stepMs)) {
    if (Date.now() > end) fail(`quickstart: berthd (process ${pid}) does not end; ${logPath} says why`);
  }
  rmSync(pidPath, { force: true });
};
