/** Runs the command lines against any engine and prints what differs: node test/cli/against.ts SOCKET VERSION [GROUP ...] */
import { prepare } from "../conformance/clean.ts";
import { stockClient } from "./client.ts";
import { differences, recordingOf } from "./compare.ts";
import { CliRunner } from "./run.ts";
import { groups } from "./script/index.ts";

const [socketPath, version, ...only] = process.argv.slice(2);
if (!socketPath || !version) throw new Error("usage: against.ts SOCKET VERSION [GROUP ...]");
const client = stockClient();
for (const group of groups) {
  if (only.length > 0 && !only.includes(group.name)) continue;
  const recorded = recordingOf(version, client.version, group.name);
  await using runner = await CliRunner.open(await prepare(socketPath), client.folder);
  let differing = 0;
  for (const item of group.cases) {
    const result = await runner.run(item).catch((error: unknown) => console.log(`✗ ${group.name}: ${String(error)}`));
    const found = result ? differences(recorded.get(item.name), result) : [];
    if (found.length === 0) continue;
    differing += 1;
    console.log(`✗ ${group.name}: ${item.name}`);
    for (const text of found) console.log(`  ${text}`);
  }
  console.log(`${group.name}: ${differing} of ${recorded.size} cases differ`);
}
