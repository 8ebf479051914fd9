/**
 * Runs the script against any engine and prints what differs from a recording and from Docker's schema:
 * node test/conformance/against.ts SOCKET VERSION [GROUP ...]   (the engine must be one that may be emptied)
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./clean.ts";
import { compare, describe } from "./compare.ts";
import { exceptionFor, ordered } from "./exceptions.ts";
import { Runner, type Result } from "./run.ts";
import { SchemaValidator, type Violation } from "./schema/validate.ts";
import { groups } from "./script/index.ts";

const [socketPath, version, ...only] = process.argv.slice(2);
if (!socketPath || !version) throw new Error("usage: against.ts SOCKET VERSION [GROUP ...]");
const validator = new SchemaValidator();
const violations: Violation[] = [];
for (const group of groups) {
  if (only.length > 0 && !only.includes(group.name)) continue;
  const recorded = JSON.parse(
    readFileSync(join(import.meta.dirname, "recorded", version, `${group.name}.json`), "utf8"),
  ) as Result[];
  const expected = new Map(recorded.map((result) => [result.name, result]));
  const runner = new Runner(await prepare(socketPath), (step, answer) =>
    violations.push(...validator.check(step, answer)),
  );
  let differing = 0;
  for (const step of group.steps) {
    let result: Result | undefined;
    try {
      result = await runner.step(step);
    } catch (error) {
      console.log(`✗ ${group.name}: ${step.name}: ${error instanceof Error ? error.message : String(error)}`);
      differing += 1;
      continue;
    }
    if (!result) continue;
    const differences = compare(ordered(group.name, expected.get(step.name)), ordered(group.name, result)).filter(
      (one) => !exceptionFor(group.name, step.name, one),
    );
    if (differences.length === 0) continue;
    differing += 1;
    console.log(`✗ ${group.name}: ${step.name}`);
    for (const difference of differences.slice(0, 30)) console.log(`  ${describe(difference)}`);
  }
  console.log(`${group.name}: ${differing} of ${recorded.length} cases differ`);
}
const seen = new Map<string, number>();
for (const { route, path, message } of violations) {
  const key = `${route} ${path} ${message}`;
  seen.set(key, (seen.get(key) ?? 0) + 1);
}
for (const [key, count] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`schema: ${key} (${count}×)`);
