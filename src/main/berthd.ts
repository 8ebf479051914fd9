// The daemon: reads its configuration, serves until it is told to stop, and leaves the containers running.
import { flushCompileCache } from "node:module";
import { messageOf } from "../base/errors.ts";
import { createLogger } from "../base/logger.ts";
import { helpText } from "../daemon/config/help.ts";
import { type LoadedConfig, loadConfig } from "../daemon/config/load.ts";
import { createEngine } from "../daemon/engine.ts";
import { giveBackMemory } from "../linux/memory.ts";
import { writePidFile } from "../daemon/pid-file.ts";
import { engineVersion } from "../daemon/system/identity.ts";
import { watchProcess } from "./process-events.ts";

const argv = process.argv.slice(2);
/** The cache would be written at the end, and a daemon that is killed has none. */
const compileCacheDelayMs = 1000;

const end = (status: number, message: string): never => {
  (status === 0 ? process.stdout : process.stderr).write(`${message}\n`);
  process.exit(status);
};

const load = (): LoadedConfig => {
  try {
    return loadConfig(argv);
  } catch (error) {
    return end(125, `${messageOf(error)}\nSee 'berthd --help'.`);
  }
};

giveBackMemory();
const { config, commandLine } = load();
if (commandLine.help) end(0, helpText());
if (commandLine.version) end(0, `Berth version ${engineVersion}`);
if (commandLine.validate) end(0, "configuration OK");

const log = createLogger({
  level: () => (config.debug ? "debug" : config.logLevel),
  format: config.logFormat,
  write: (line) => void process.stderr.write(line),
});
const stopped = watchProcess(log);
try {
  using _pidFile = writePidFile(config.pidFile);
  const engine = await createEngine(config, { log, trace: process.env["BERTH_TRACE"] === "1" });
  process.on("SIGHUP", () => {
    try {
      engine.reload(loadConfig(argv).config);
    } catch (error) {
      log("error", "could not reload the configuration", { error: messageOf(error) });
    }
  });
  log("info", "Daemon has completed initialization");
  setTimeout(flushCompileCache, compileCacheDelayMs).unref();
  log("info", `Processing signal '${await stopped}'`);
  const overdue = setTimeout(() => end(1, "the shutdown took too long"), config.shutdownTimeoutSeconds * 1000);
  await engine[Symbol.asyncDispose]();
  clearTimeout(overdue);
} catch (error) {
  end(1, messageOf(error));
}
process.exit(0);
