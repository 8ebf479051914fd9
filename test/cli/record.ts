/**
 * Records what the stock client prints against a real engine: node test/cli/record.ts SOCKET VERSION [GROUP ...]
 * Run it where the engine's published ports can be reached; the engine must be one that may be emptied.
 * Writes recorded/VERSION/client-CLIENT/GROUP.json; BERTH_TEST_CLI names the folder of another client.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "../conformance/clean.ts";
import { stockClient } from "./client.ts";
import { CliRunner, type CliResult } from "./run.ts";
import { groups } from "./script/index.ts";

const [socketPath, version, ...only] = process.argv.slice(2);
if (!socketPath || !version) throw new Error("usage: record.ts SOCKET VERSION [GROUP ...]");
const client = stockClient();
const folder = join(import.meta.dirname, "recorded", version, `client-${client.version}`);
mkdirSync(folder, { recursive: true });
for (const group of groups) {
  if (only.length > 0 && !only.includes(group.name)) continue;
  const results: CliResult[] = [];
  await using runner = await CliRunner.open(await prepare(socketPath), client.folder);
  for (const item of group.cases) {
    const begin = performance.now();
    const result = await runner.run(item).catch((error: unknown) => console.log(`  ${String(error)}`));
    if (result) results.push(result);
    const tookMs = Math.round(performance.now() - begin);
    if (tookMs > 3000) console.log(`  slow: ${item.sh.slice(0, 100)}: ${tookMs} ms`);
  }
  writeFileSync(join(folder, `${group.name}.json`), `${JSON.stringify(results, null, 1)}\n`);
  console.log(`${group.name}: ${results.length} cases`);
}
