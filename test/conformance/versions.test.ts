import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { replay, useRecordedEngine } from "../support/recorded.ts";
import { compare, describe } from "./compare.ts";
import { exceptionFor, ordered } from "./exceptions.ts";
import { Runner, type Result } from "./run.ts";
import { apiVersions, inVersion } from "./script/versions.ts";
import type { Step } from "./step.ts";

const recording = (version: string): Map<string, Result> => {
  const file = join(import.meta.dirname, `recorded/versions/28.5-${version}.json`);
  return new Map((JSON.parse(readFileSync(file, "utf8")) as Result[]).map((result) => [result.name, result]));
};

const withoutVersion = (step: string): string => step.replace(/ \/v[0-9.]+\//, " /");

suite("each version of the API has the shapes that dockerd 28.5 gives it", () => {
  const engine = useRecordedEngine();

  for (const version of apiVersions) {
    test(version, async (t) => {
      const recorded = recording(version);
      const runner = new Runner(await engine.prepared());
      const check = ({ name }: Step, result: Result | undefined): void => {
        const differences = compare(ordered("versions", recorded.get(name)), ordered("versions", result)).filter(
          (one) => !exceptionFor("versions", withoutVersion(name), one),
        );
        assert.equal(differences.length, 0, differences.slice(0, 20).map(describe).join("\n  "));
      };
      await replay(t, inVersion(version).steps, (step) => runner.step(step), check);
    });
  }
});
