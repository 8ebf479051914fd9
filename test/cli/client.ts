import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The stock client that the tests drive: the one on PATH, or the one that the set-up unpacked. */
export interface StockClient {
  folder: string;
  /** Major and minor: `28.2`. */
  version: string;
}

const folders = [...(process.env["PATH"] ?? "").split(":"), join(import.meta.dirname, "../../build/docker-cli")];

/** @throws when there is no `docker` client. */
export const stockClient = (): StockClient => {
  const folder =
    process.env["BERTH_TEST_CLI"] ??
    folders.find((candidate) => candidate !== "" && existsSync(join(candidate, "docker")));
  if (!folder) throw new Error("no docker client on PATH or in build/docker-cli: run npm run setup");
  const text = execFileSync(join(folder, "docker"), ["--version"], { encoding: "utf8" });
  return { folder, version: /(\d+\.\d+)\./.exec(text)?.[1] ?? text };
};
