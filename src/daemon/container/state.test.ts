import assert from "node:assert/strict";
import { test } from "node:test";
import { initialState, isActive, isPaused, statusWord, transition } from "./state.ts";

const started = transition(initialState, { kind: "started", pid: 42, atNs: "10" });

test("a life: created, running, paused, running, exited", () => {
  assert.equal(statusWord(initialState), "created");
  assert.equal(statusWord(started), "running");
  const paused = transition(started, { kind: "paused" });
  assert.ok(isPaused(paused) && statusWord(paused) === "paused");
  const again = transition(paused, { kind: "unpaused" });
  const exited = transition(again, { kind: "exited", exitCode: 3, oomKilled: false, atNs: "20", restarting: false });
  assert.deepEqual(exited, {
    status: "exited",
    startedNs: "10",
    finishedNs: "20",
    exitCode: 3,
    oomKilled: false,
    error: "",
  });
});

test("an exit told twice counts once", () => {
  const exit = { kind: "exited", exitCode: 3, oomKilled: false, atNs: "20", restarting: false } as const;
  const once = transition(started, exit);
  assert.equal(transition(once, { ...exit, exitCode: 9 }), once);
});

test("between two restarts it counts as active, and a cancelled restart ends it", () => {
  const waiting = transition(started, { kind: "exited", exitCode: 1, oomKilled: false, atNs: "20", restarting: true });
  assert.ok(isActive(waiting));
  assert.equal(statusWord(transition(waiting, { kind: "restart-cancelled" })), "exited");
});

test("a start that failed leaves a new container created and an old one exited", () => {
  const failure = { kind: "start-failed", exitCode: 127, error: "no" } as const;
  assert.equal(transition(initialState, failure).status, "created");
  const exited = transition(started, { kind: "exited", exitCode: 0, oomKilled: false, atNs: "20", restarting: false });
  assert.deepEqual([transition(exited, failure).status, transition(exited, failure).exitCode], ["exited", 127]);
});
