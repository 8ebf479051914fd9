/**
 * Records the shapes of answers in the versions of the API: node test/conformance/record-versions.ts SOCKET ENGINE VERSION [VERSION ...]
 * Writes recorded/versions/ENGINE-VERSION.json. The engine must be one that may be emptied.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./clean.ts";
import { Runner } from "./run.ts";
import { inVersion } from "./script/versions.ts";

const [socketPath, engine, ...versions] = process.argv.slice(2);
if (!socketPath || !engine || versions.length === 0)
  throw new Error("usage: record-versions.ts SOCKET ENGINE VERSION [VERSION ...]");
const folder = join(import.meta.dirname, "recorded/versions");
mkdirSync(folder, { recursive: true });
for (const version of versions) {
  const results = await new Runner(await prepare(socketPath)).run(inVersion(version));
  writeFileSync(join(folder, `${engine}-${version}.json`), `${JSON.stringify(results, null, 1)}\n`);
  console.log(`${engine} ${version}: ${results.length} cases`);
}
