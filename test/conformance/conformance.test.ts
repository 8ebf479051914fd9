import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { replay, useRecordedEngine } from "../support/recorded.ts";
import { compare, describe } from "./compare.ts";
import { exceptionFor, ordered } from "./exceptions.ts";
import { Runner, type Result } from "./run.ts";
import { deviations } from "./schema/deviations.ts";
import { SchemaValidator } from "./schema/validate.ts";
import { groups } from "./script/index.ts";
import type { Step } from "./step.ts";

const recording = (name: string): Map<string, Result> => {
  const results = JSON.parse(
    readFileSync(join(import.meta.dirname, "recorded/28.5", `${name}.json`), "utf8"),
  ) as Result[];
  return new Map(results.map((result) => [result.name, result]));
};

suite("Berth answers as dockerd 28.5 did", () => {
  const engine = useRecordedEngine();

  for (const group of groups) {
    test(group.name, async (t) => {
      const recorded = recording(group.name);
      const validator = new SchemaValidator();
      const violations: string[] = [];
      const runner = new Runner(await engine.prepared(), (step, answer) => {
        for (const { route, path, message } of validator.check(step, answer))
          violations.push(`${route} ${path} ${message}`);
      });
      const check = ({ name }: Step, result: Result | undefined): void => {
        const unlisted = violations.splice(0).filter((violation) => !deviations.some((known) => known.test(violation)));
        const differences = compare(ordered(group.name, recorded.get(name)), ordered(group.name, result)).filter(
          (one) => !exceptionFor(group.name, name, one),
        );
        assert.equal(differences.length, 0, differences.slice(0, 20).map(describe).join("\n  "));
        assert.deepEqual(unlisted, [], "answers follow schema/v1.51.yaml");
      };
      await replay(t, group.steps, (step) => runner.step(step), check);
    });
  }
});
