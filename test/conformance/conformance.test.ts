import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Daemon } from "../support/daemon.ts";
import { clean, prepare, rootDirOf } from "./clean.ts";
import { compare, describe } from "./compare.ts";
import { exceptionFor, ordered } from "./exceptions.ts";
import { Runner, type Result } from "./run.ts";
import { deviations } from "./schema/deviations.ts";
import { SchemaValidator } from "./schema/validate.ts";
import { groups } from "./script/index.ts";
import type { Vars } from "./step.ts";

const recording = (name: string): Map<string, Result> => {
  const results = JSON.parse(
    readFileSync(join(import.meta.dirname, "recorded/28.5", `${name}.json`), "utf8"),
  ) as Result[];
  return new Map(results.map((result) => [result.name, result]));
};

suite("Berth answers as dockerd 28.5 did", () => {
  let berthd: Daemon;
  before(async () => {
    berthd = await Daemon.start();
  });
  after(async () => {
    await clean(berthd.socketPath);
    await berthd[Symbol.asyncDispose]();
  });

  for (const group of groups) {
    test(group.name, async (t) => {
      const recorded = recording(group.name);
      const vars: Vars = new Map();
      const validator = new SchemaValidator();
      const violations: string[] = [];
      await prepare(berthd.socketPath, vars);
      const runner = new Runner(berthd.socketPath, vars, await rootDirOf(berthd.socketPath), (step, answer) => {
        for (const { route, path, message } of validator.check(step, answer))
          violations.push(`${route} ${path} ${message}`);
      });
      for (const step of group.steps) {
        if (step.setup || step.background) {
          await runner.step(step);
          continue;
        }
        await t.test(step.name, async () => {
          violations.length = 0;
          const result = await runner.step(step);
          const differences = compare(ordered(group.name, recorded.get(step.name)), ordered(group.name, result)).filter(
            (one) => !exceptionFor(group.name, step.name, one),
          );
          assert.equal(differences.length, 0, differences.slice(0, 20).map(describe).join("\n  "));
          const unlisted = violations.filter((violation) => !deviations.some((known) => known.test(violation)));
          assert.deepEqual(unlisted, [], "answers follow schema/v1.51.yaml");
        });
      }
    });
  }
});
