import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { background, ended, run, sleep } from "../process.ts";

/** A registry of Debian's on 127.0.0.1:5000 of one network namespace. */
export interface BenchRegistry {
  stop: () => Promise<void>;
}

const host = "127.0.0.1:5000";
const readyLimitMs = 10_000;
const stopLimitMs = 5000;
const program = join(import.meta.dirname, "../../build/docker-registry/docker-registry");

/** @param network the namespace's name; this process's own when absent. @param data where it keeps its files */
export const startBenchRegistry = async (
  network: string | undefined,
  data: string,
  folder: string,
): Promise<BenchRegistry> => {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "registry.json");
  const storage = { filesystem: { rootdirectory: data } };
  writeFileSync(
    config,
    JSON.stringify({ version: "0.1", log: { accesslog: { disabled: true } }, storage, http: { addr: host } }),
  );
  const inside = network === undefined ? [] : ["/usr/bin/nsenter", `--net=/run/netns/${network}`];
  const child = background([...inside, program, "serve", config], join(folder, "registry.log"));
  const probe = [...inside, "/usr/bin/curl", "-sf", "-o", "/dev/null", `http://${host}/v2/`];
  for (const end = Date.now() + readyLimitMs; (await run(probe)).code !== 0; await sleep(50))
    if (child.exitCode !== null || Date.now() > end) throw new Error(`the registry does not answer: see ${folder}`);
  return {
    async stop() {
      child.kill("SIGKILL");
      await ended(child, stopLimitMs);
    },
  };
};
