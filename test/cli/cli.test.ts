import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { clean, prepare, rootDirOf } from "../conformance/clean.ts";
import type { Vars } from "../conformance/step.ts";
import { Daemon } from "../support/daemon.ts";
import { stockClient } from "./client.ts";
import { differences, recordingOf } from "./compare.ts";
import { CliRunner } from "./run.ts";
import { groups } from "./script/index.ts";

suite("the stock CLI prints with Berth what it printed with dockerd 28.5", () => {
  const client = stockClient();
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
      const recorded = recordingOf("28.5", client.version, group.name);
      const vars: Vars = new Map();
      await prepare(berthd.socketPath, vars);
      await using runner = await CliRunner.open(
        berthd.socketPath,
        client.folder,
        vars,
        await rootDirOf(berthd.socketPath),
      );
      for (const item of group.cases) {
        if (item.setup) {
          await runner.run(item);
          continue;
        }
        await t.test(item.name, async () => {
          const result = await runner.run(item);
          assert.ok(result);
          const found = differences(recorded.get(item.name), result);
          assert.equal(found.length, 0, found.join("\n  "));
        });
      }
    });
  }
});
