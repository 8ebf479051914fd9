import { createLogger } from "../base/logger.ts";
import type { Log } from "../base/logger.ts";
import type { CommandLine } from "./config/load.ts";
import { Control } from "./control.ts";
import type { Collected } from "./gc/collect.ts";
import { RootInUse } from "./lock.ts";
import { openContent } from "./registry.ts";

/** A log on stderr as the configuration wants it. */
export const logOf = ({ config }: CommandLine): Log =>
  createLogger({
    level: () => config.log.level,
    format: config.log.format,
    write: (line) => void process.stderr.write(line),
  });

/** Collects in the running registry, or in the folder when none runs. */
export const collectOnce = async ({ config }: CommandLine, log: Log): Promise<Collected> => {
  await using stack = new AsyncDisposableStack();
  try {
    const { collector, uses } = await openContent(config, log, stack);
    // No server runs that could have promised anything to anybody: only the age of what is stored counts.
    uses.forget();
    return await collector.run();
  } catch (error) {
    if (!(error instanceof RootInUse)) throw error;
    return Control.collect(config.root);
  }
};
