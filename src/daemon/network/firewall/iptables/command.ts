import { SystemError } from "../../../../linux/error.ts";
import { findBinary } from "../../../../linux/process/find-binary.ts";
import { run } from "../../../../linux/process/run.ts";

/** The two programs the backend uses, in one family. */
export interface IptablesCommand {
  /** What is in force. @throws Error with the program's own words */
  save(): Promise<string>;
  /** Applies a batch: each table entirely or not at all. @throws Error with the program's own words */
  restore(text: string): Promise<void>;
}

const timeoutMs = 30_000;
const maxOutputBytes = 64 * 1024 * 1024;
/** How long the legacy variant waits for another program's lock. */
const lockWaitSeconds = "10";
const ENOENT = 2;

/** @throws SystemError ENOENT when iptables is not installed. */
export const iptablesCommand = (family: 4 | 6): IptablesCommand => {
  const name = family === 4 ? "iptables" : "ip6tables";
  const [save, restore] = [findBinary(`${name}-save`), findBinary(`${name}-restore`)];
  if (save === null || restore === null) throw new SystemError(ENOENT, "exec", `${name}-restore`);
  const must = async (argv: string[], input?: string): Promise<string> => {
    const result = await run(argv, { timeoutMs, maxOutputBytes, ...(input === undefined ? {} : { input }) });
    if (result.code !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr.trim() || `status ${result.code}`}`);
    return result.stdout.toString();
  };
  return {
    save: () => must([save]),
    restore: async (text) => void (await must([restore, "--noflush", "--wait", lockWaitSeconds], text)),
  };
};
