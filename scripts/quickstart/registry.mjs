// The quick start's private registry: Berth's own server, and an image that goes there and comes back.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, root } from "../lib.mjs";
import { must } from "./berth.mjs";
import { stateFolder } from "./namespace.mjs";
import { image } from "./web.mjs";

const logPath = "/var/log/berth/registry.log";
/** The process and the port of the registry that the quick start began. */
const recordPath = join(stateFolder, "registry.json");
const ports = [5000, 5001, 5002, 5003, 5004];
const readyLimitMs = 15_000;
const stopLimitMs = 20_000;
const stepMs = 50;

const isOurs = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("berth-registry");
  } catch {
    return false;
  }
};

/** The registry that the quick start began, when it still runs. */
const running = () => {
  const record = existsSync(recordPath) ? JSON.parse(readFileSync(recordPath, "utf8")) : undefined;
  return record !== undefined && isOurs(record.pid) ? record : undefined;
};

const answers = async (port) => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/v2/`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
};

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** Starts the registry, if it does not run, and returns its `host:port`. */
export const start = async (say) => {
  const known = running();
  if (known !== undefined && (await answers(known.port))) return `127.0.0.1:${known.port}`;
  let port;
  for (const each of ports) if (port === undefined && (await isFree(each))) port = each;
  if (port === undefined) return fail(`quickstart: ports ${ports[0]} to ${ports.at(-1)} are all taken`);
  mkdirSync(stateFolder, { recursive: true });
  mkdirSync("/var/log/berth", { recursive: true });
  const log = openSync(logPath, "a");
  const args = ["registry", "serve", "--addr", `127.0.0.1:${port}`];
  const child = spawn(join(root, "bin/berth"), args, { cwd: "/", detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.once("error", () => (ended = true));
  for (const end = Date.now() + readyLimitMs; !(await answers(port)); await sleep(stepMs))
    if (ended || Date.now() > end) fail(`quickstart: berth ${args.join(" ")} did not start; ${logPath} says why`);
  child.unref();
  writeFileSync(recordPath, JSON.stringify({ pid: child.pid, port }));
  say(`quickstart: berth ${args.join(" ")}: process ${child.pid}, images in /var/lib/berth-registry`);
  return `127.0.0.1:${port}`;
};

/** Pushes the web server's image and pulls it again. */
export const pushAndPull = (host, say) => {
  const there = `${host}/demo/web:1`;
  for (const args of [
    ["tag", image, there],
    ["push", there],
    ["rmi", there],
    ["pull", there],
  ]) {
    const last = must(args).trim().split("\n").at(-1);
    say(`quickstart: berth ${args.join(" ")}${last === "" ? "" : `: ${last}`}`);
  }
};

/** Ends the registry that the quick start began; what was pushed is kept. */
export const stop = async (say) => {
  const record = running();
  if (record !== undefined) {
    process.kill(record.pid, "SIGTERM");
    for (const end = Date.now() + stopLimitMs; isOurs(record.pid); await sleep(stepMs))
      if (Date.now() > end) fail(`quickstart: the registry (process ${record.pid}) does not end; ${logPath} says why`);
    say("quickstart: the registry has ended; what was pushed is kept in /var/lib/berth-registry");
  }
  rmSync(recordPath, { force: true });
};
