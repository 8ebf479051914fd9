import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../../runtime/task.ts";
import type { ContainerRecord } from "../record.ts";
import { type ContainerState, initialState } from "../state.ts";
import { type Found, planRestore } from "./plan.ts";

const task = {} as Task;
const exit = { exitCode: 7, oomKilled: false, exitedAt: 5n, logDroppedBytes: 0 };
const running: ContainerState = { ...initialState, status: "running", pid: 1, paused: false, startedNs: "1" };
const exited = (exitCode: number): ContainerState => ({ ...initialState, status: "exited", exitCode, startedNs: "1" });

const record = (state: ContainerState, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id: "c",
  name: "c",
  createdNs: "1",
  path: "/bin/true",
  args: [],
  config: {},
  hostConfig: {},
  imageId: "sha256:0",
  chainId: null,
  platform: "linux",
  mounts: [],
  networks: {},
  state,
  restartCount: 0,
  startedBefore: true,
  manuallyStopped: false,
  ...more,
});

const plan = (one: ContainerRecord, found?: Found): unknown =>
  planRestore([one], new Map(found ? [["c", found]] : []), 9n)[0];

test("a running process is adopted, whatever the record says", () => {
  assert.deepEqual(plan(record(running), { kind: "running", task }), { kind: "adopt", id: "c", task });
  assert.deepEqual(plan(record(initialState), { kind: "running", task }), { kind: "adopt", id: "c", task });
});

test("an exit that nobody saw is recorded with its status, a lost process with 255", () => {
  assert.deepEqual(plan(record(running), { kind: "exited", exit }), { kind: "record-exit", id: "c", exit });
  assert.deepEqual(plan(record(running)), {
    kind: "record-exit",
    id: "c",
    exit: { exitCode: 255, oomKilled: false, exitedAt: 9n, logDroppedBytes: 0 },
  });
});

test("a restart that was due is taken up", () => {
  assert.deepEqual(plan(record({ ...initialState, status: "restarting" })), { kind: "resume-restart", id: "c" });
});

test("the policies at boot", () => {
  const policy = (Name: "no" | "always" | "unless-stopped" | "on-failure") => ({ RestartPolicy: { Name } });
  const onFailure = (MaximumRetryCount: number) => ({
    RestartPolicy: { Name: "on-failure" as const, MaximumRetryCount },
  });
  const start = { kind: "start", id: "c" };
  const stopped = { manuallyStopped: true };
  const table: [ContainerRecord, unknown][] = [
    [record(exited(0), { hostConfig: policy("no") }), undefined],
    [record(exited(0), { hostConfig: policy("always") }), start],
    [record(exited(0), { hostConfig: policy("always"), ...stopped }), start],
    [record(exited(0), { hostConfig: policy("unless-stopped") }), start],
    [record(exited(0), { hostConfig: policy("unless-stopped"), ...stopped }), undefined],
    [record(exited(1), { hostConfig: policy("on-failure") }), start],
    [record(exited(0), { hostConfig: policy("on-failure") }), undefined],
    [record(exited(1), { hostConfig: onFailure(2), restartCount: 1 }), start],
    [record(exited(1), { hostConfig: onFailure(2), restartCount: 2 }), undefined],
    [record(initialState, { hostConfig: policy("always"), startedBefore: false }), undefined],
    [record(exited(0), { hostConfig: { AutoRemove: true } }), { kind: "remove", id: "c" }],
    [record(initialState, { hostConfig: { AutoRemove: true }, startedBefore: false }), { kind: "remove", id: "c" }],
  ];
  for (const [one, expected] of table) assert.deepEqual(plan(one), expected);
});
