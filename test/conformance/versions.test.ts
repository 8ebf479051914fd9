import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Daemon } from "../support/daemon.ts";
import { clean, prepare, rootDirOf } from "./clean.ts";
import { compare, describe } from "./compare.ts";
import { exceptionFor, ordered } from "./exceptions.ts";
import { Runner, type Result } from "./run.ts";
import { inVersion } from "./script/versions.ts";
import type { Vars } from "./step.ts";

/** One version on either side of most changes; the recordings have them all. */
const versions = ["1.24", "1.40", "1.41", "1.43", "1.44", "1.45", "1.47", "1.49", "1.51"];

const recording = (version: string): Map<string, Result> => {
  const file = join(import.meta.dirname, `recorded/versions/28.5-${version}.json`);
  return new Map((JSON.parse(readFileSync(file, "utf8")) as Result[]).map((result) => [result.name, result]));
};

const withoutVersion = (step: string): string => step.replace(/ \/v[0-9.]+\//, " /");

suite("each version of the API has the shapes that dockerd 28.5 gives it", () => {
  let berthd: Daemon;
  before(async () => {
    berthd = await Daemon.start();
  });
  after(async () => {
    await clean(berthd.socketPath);
    await berthd[Symbol.asyncDispose]();
  });

  for (const version of versions) {
    test(version, async (t) => {
      const recorded = recording(version);
      const vars: Vars = new Map();
      await prepare(berthd.socketPath, vars);
      const runner = new Runner(berthd.socketPath, vars, await rootDirOf(berthd.socketPath));
      for (const step of inVersion(version).steps) {
        if (step.setup || step.background) {
          await runner.step(step);
          continue;
        }
        await t.test(step.name, async () => {
          const expected = ordered("versions", recorded.get(step.name));
          const differences = compare(expected, ordered("versions", await runner.step(step))).filter(
            (one) => !exceptionFor("versions", withoutVersion(step.name), one),
          );
          assert.equal(differences.length, 0, differences.slice(0, 20).map(describe).join("\n  "));
        });
      }
    });
  }
});
