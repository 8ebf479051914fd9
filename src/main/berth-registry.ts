// The registry server: reads its configuration and serves until it is told to stop.
import { flushCompileCache } from "node:module";
import { messageOf } from "../base/errors.ts";
import { collectOnce, logOf } from "../registry/collect-once.ts";
import { helpText } from "../registry/config/flags.ts";
import { type CommandLine, load } from "../registry/config/load.ts";
import { startRegistry } from "../registry/registry.ts";
import { registryVersion } from "../registry/version.ts";
import { watchProcess } from "./process-events.ts";

/** The cache would be written at the end, and a server that is killed has none. */
const compileCacheDelayMs = 1000;
/** The longest that an orderly end may take. */
const shutdownTimeoutMs = 15_000;

const end = (status: number, message: string): never => {
  (status === 0 ? process.stdout : process.stderr).write(`${message}\n`);
  process.exit(status);
};

const read = (): CommandLine => {
  try {
    return load(process.argv.slice(2), process.env);
  } catch (error) {
    return end(125, `${messageOf(error)}\nSee 'berth-registry --help'.`);
  }
};

const commandLine = read();
if (commandLine.command === "help") end(0, helpText());
if (commandLine.command === "version") end(0, `Berth registry version ${registryVersion}`);
const log = logOf(commandLine);
try {
  if (commandLine.command === "gc") {
    const { manifests, links, blobs, bytes, uploads } = await collectOnce(commandLine, log);
    end(0, `removed ${blobs} blobs of ${bytes} bytes, ${links} links, ${manifests} manifests, ${uploads} uploads`);
  }
  const stopped = watchProcess(log);
  const registry = await startRegistry(commandLine.config, log);
  setTimeout(flushCompileCache, compileCacheDelayMs).unref();
  log("info", `Processing signal '${await stopped}'`);
  setTimeout(() => end(1, "the shutdown took too long"), shutdownTimeoutMs).unref();
  await registry[Symbol.asyncDispose]();
} catch (error) {
  end(1, messageOf(error));
}
process.exit(0);
