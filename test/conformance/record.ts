/**
 * Records what a real engine answers: node test/conformance/record.ts SOCKET VERSION [GROUP ...]
 * The engine must be one that may be emptied. Writes recorded/VERSION/GROUP.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./clean.ts";
import { Runner, type Result } from "./run.ts";
import { groups } from "./script/index.ts";

const [socketPath, version, ...only] = process.argv.slice(2);
if (!socketPath || !version) throw new Error("usage: record.ts SOCKET VERSION [GROUP ...]");
const folder = join(import.meta.dirname, "recorded", version);
mkdirSync(folder, { recursive: true });
for (const group of groups) {
  if (only.length > 0 && !only.includes(group.name)) continue;
  const prepared = await prepare(socketPath);
  const begin = performance.now();
  const runner = new Runner(prepared);
  const results: Result[] = [];
  for (const step of group.steps) {
    const start = performance.now();
    const result = await runner.step(step);
    if (result) results.push(result);
    const tookMs = Math.round(performance.now() - start);
    if (tookMs > 2000) console.log(`  slow: ${step.name}: ${tookMs} ms`);
  }
  writeFileSync(join(folder, `${group.name}.json`), `${JSON.stringify(results, null, 1)}\n`);
  console.log(`${group.name}: ${results.length} cases in ${Math.round(performance.now() - begin)} ms`);
}
