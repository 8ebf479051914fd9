import assert from "node:assert/strict";
import { test } from "node:test";
import { nextDelayMs, restartsAfterExit } from "./policy.ts";

test("which exits a policy answers with a restart", () => {
  const exit = { exitCode: 0, manuallyStopped: false, restartCount: 0 };
  const failure = { ...exit, exitCode: 3 };
  const stopped = { ...failure, manuallyStopped: true };
  const table: [Parameters<typeof restartsAfterExit>, boolean][] = [
    [[{ Name: "no" }, failure], false],
    [[undefined, failure], false],
    [[{ Name: "always" }, exit], true],
    [[{ Name: "always" }, stopped], false],
    [[{ Name: "unless-stopped" }, exit], true],
    [[{ Name: "unless-stopped" }, stopped], false],
    [[{ Name: "on-failure" }, exit], false],
    [[{ Name: "on-failure" }, failure], true],
    [
      [
        { Name: "on-failure", MaximumRetryCount: 2 },
        { ...failure, restartCount: 1 },
      ],
      true,
    ],
    [
      [
        { Name: "on-failure", MaximumRetryCount: 2 },
        { ...failure, restartCount: 2 },
      ],
      false,
    ],
  ];
  for (const [[policy, facts], expected] of table) assert.equal(restartsAfterExit(policy, facts), expected);
});

test("delays double to a minute and begin anew after a good run", () => {
  assert.equal(nextDelayMs(0, 5), 100);
  assert.equal(nextDelayMs(100, 5), 200);
  assert.equal(nextDelayMs(51_200, 5), 60_000);
  assert.equal(nextDelayMs(60_000, 10_000), 100);
});
