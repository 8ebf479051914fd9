import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AttachLock } from "./attach-lock.ts";
import type { CgroupLayout } from "./layout.ts";

const layoutAt = (root: string): CgroupLayout => ({
  version: 2,
  controllers: new Set(["pids"]),
  roots: new Map(),
  unified: root,
});

test("this process is moved to where it is", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-attach-lock-"));
  try {
    mkdirSync(join(root, "own"));
    const file = join(root, "own/cgroup.procs");
    writeFileSync(file, "");
    const lock = new AttachLock(layoutAt(root), () => new Map([["", "/own"]]));
    for (let round = 0; round < 2; round += 1) {
      writeFileSync(file, "");
      lock.prepare();
      lock.prepare();
      for (const end = Date.now() + 2000; readFileSync(file, "utf8") === "" && Date.now() < end;) await sleep(5);
      assert.equal(readFileSync(file, "utf8"), "0", `round ${round}`);
      await sleep(20);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("a process that was moved is not moved back", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-attach-lock-"));
  try {
    const file = (name: string): string => join(root, name, "cgroup.procs");
    for (const name of ["before", "after"]) {
      mkdirSync(join(root, name));
      writeFileSync(file(name), "");
    }
    let own = "/before";
    const lock = new AttachLock(layoutAt(root), () => new Map([["", own]]));
    own = "/after";
    lock.prepare();
    for (const end = Date.now() + 2000; readFileSync(file("after"), "utf8") === "" && Date.now() < end;) await sleep(5);
    assert.deepEqual(
      ["before", "after"].map((name) => readFileSync(file(name), "utf8")),
      ["", "0"],
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("where there is no cgroup, or none that may be written, nothing happens", async () => {
  new AttachLock({ ...layoutAt("/"), unified: null }, () => new Map([["", "/own"]])).prepare();
  const missing = new AttachLock(layoutAt("/no/such/tree"), () => new Map([["", "/own"]]));
  missing.prepare();
  await sleep(20);
  missing.prepare();
  await sleep(20);
});
