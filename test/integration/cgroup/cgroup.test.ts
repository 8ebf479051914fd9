import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { newId, shortId } from "../../../src/base/ids.ts";
import { freeze, freezerState, thaw } from "../../../src/linux/cgroup/freezer.ts";
import { allDirectories, detect } from "../../../src/linux/cgroup/layout.ts";
import { members, remove } from "../../../src/linux/cgroup/members.ts";
import { oomKills } from "../../../src/linux/cgroup/oom.ts";
import { usage } from "../../../src/linux/cgroup/usage.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { spawn } from "../../../src/linux/process/spawn.ts";

const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 300 && !what(); i++) await sleep(10);
  assert.ok(what());
};

test("a real cgroup of this machine is read, frozen, thawed, emptied and removed", async (context) => {
  const layout = detect();
  if (layout.version === 2)
    return context.skip("made for v1; the guest with cgroup v2 runs the same through containers");
  const path = `/berth-test-${shortId(newId())}`;
  const directories = allDirectories(layout, path).filter((each) => !each.startsWith(layout.unified ?? "\0"));
  for (const directory of directories) {
    mkdirSync(directory);
    // A cpuset takes processes once it has CPUs.
    if (existsSync(join(directory, "cpuset.cpus"))) {
      writeFileSync(join(directory, "cpuset.cpus"), "0");
      writeFileSync(join(directory, "cpuset.mems"), "0");
    }
  }
  writeFileSync(join(layout.roots.get("memory") ?? "", path, "memory.limit_in_bytes"), `${32 * 1024 * 1024}`);
  const child = spawn(["/bin/sh", "-c", "while :; do :; done"]);
  try {
    for (const directory of directories) writeFileSync(join(directory, "cgroup.procs"), String(child.pid));
    assert.deepEqual(members(layout, path), [child.pid]);
    await until(() => (usage(layout, path)?.cpu.totalNs ?? 0) > 5_000_000);
    const found = usage(layout, path);
    assert.equal(found?.memory.limitBytes, 32 * 1024 * 1024);
    assert.equal(found?.pids.current, 1);
    assert.ok((found?.cpu.perCpuNs?.length ?? 0) > 0 && (found?.memory.stat["rss"] ?? -1) >= 0);
    freeze(layout, path);
    await until(() => freezerState(layout, path) === "frozen");
    await assert.rejects(remove(layout, path), { code: "EBUSY" });
    thaw(layout, path);
    await until(() => freezerState(layout, path) === "thawed");
    assert.equal(oomKills(layout, path), 0);
    const greedy = spawn([
      "/bin/sh",
      "-c",
      `echo $$ > ${layout.roots.get("memory")}${path}/cgroup.procs; exec tail /dev/zero`,
    ]);
    assert.deepEqual(await greedy.exited, { code: null, signal: 9 });
    assert.equal(oomKills(layout, path), 1);
  } finally {
    kill(child.pid, 9);
    await child.exited;
    await until(() => members(layout, path).length === 0);
    await remove(layout, path);
  }
  assert.deepEqual(
    directories.filter((directory) => existsSync(directory)),
    [],
  );
  assert.equal(usage(layout, path), null);
});
