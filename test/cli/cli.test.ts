import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { replay, useRecordedEngine } from "../support/recorded.ts";
import type { Case } from "./case.ts";
import { stockClient } from "./client.ts";
import { differences, recordingOf } from "./compare.ts";
import { CliRunner, type CliResult } from "./run.ts";
import { groups } from "./script/index.ts";

suite("the stock CLI prints with Berth what it printed with dockerd 28.5", () => {
  const client = stockClient();
  const engine = useRecordedEngine();

  for (const group of groups) {
    test(group.name, async (t) => {
      const recorded = recordingOf("28.5", client.version, group.name);
      await using runner = await CliRunner.open(await engine.prepared(), client.folder);
      const check = (item: Case, result: CliResult | undefined): void => {
        assert.ok(result);
        const found = differences(recorded.get(item.name), result);
        assert.equal(found.length, 0, found.join("\n  "));
      };
      await replay(t, group.cases, (item) => runner.run(item), check);
    });
  }
});
