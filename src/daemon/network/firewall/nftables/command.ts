import { SystemError } from "../../../../linux/error.ts";
import { findBinary } from "../../../../linux/process/find-binary.ts";
import { run } from "../../../../linux/process/run.ts";

/** What the backend asks of nft. */
export interface NftCommand {
  /** Applies a ruleset file: all of it or nothing. @throws Error with nft's own words */
  apply(text: string): Promise<void>;
  /** A table without its elements and counters; null when there is none. */
  list(family: "ip" | "ip6", table: string): Promise<string | null>;
}

const timeoutMs = 30_000;
const ENOENT = 2;

/** @throws SystemError ENOENT when nft is not installed. */
export const nftCommand = (): NftCommand => {
  const nft = findBinary("nft");
  if (nft === null) throw new SystemError(ENOENT, "exec", "nft");
  return {
    apply: async (text) => {
      const result = await run([nft, "-f", "-"], { input: text, timeoutMs });
      if (result.code !== 0) throw new Error(`nft: ${result.stderr.trim() || `status ${result.code}`}`);
    },
    list: async (family, table) => {
      const result = await run([nft, "-s", "-t", "list", "table", family, table], { timeoutMs });
      return result.code === 0 ? result.stdout.toString() : null;
    },
  };
};
