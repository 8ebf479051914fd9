import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilitiesOf, knownCapabilities } from "../spec/capabilities.ts";
import { cgroupFacts, parseLimits, readHostFacts } from "./facts.ts";

test("a cgroup v2 host can hold all but v1's own limits", () => {
  const layout = {
    version: 2 as const,
    controllers: new Set(["cpuset", "cpu", "io", "memory", "pids"]),
    roots: new Map<string, string>(),
    unified: "/sys/fs/cgroup",
  };
  const facts = cgroupFacts(layout, "systemd");
  assert.ok(facts.controllers.has("blkio"));
  assert.ok(facts.has.has("memory.swap") && facts.has.has("cpu.quota") && facts.has.has("blkio.throttle"));
  assert.ok(!facts.has.has("memory.swappiness") && !facts.has.has("memory.oomKillDisable"));
});

test("a v1 host without a controller holds none of its limits", () => {
  const layout = {
    version: 1 as const,
    controllers: new Set<string>(),
    roots: new Map<string, string>(),
    unified: null,
  };
  assert.equal(cgroupFacts(layout, "cgroupfs").has.size, 0);
});

test("limits and capabilities are read as the kernel writes them", () => {
  const limits = parseLimits(
    [
      "Limit                     Soft Limit           Hard Limit           Units     ",
      "Max core file size        0                    unlimited            bytes     ",
      "Max open files            1024                 20000                files     ",
    ].join("\n"),
  );
  assert.deepEqual(limits, { core: null, nofile: 20000 });
  assert.deepEqual(capabilitiesOf("0000000000000003"), ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]);
  assert.deepEqual(capabilitiesOf("000001ffffffffff"), knownCapabilities);
  assert.ok(readHostFacts({ cgroupDriver: "cgroupfs", recursiveReadOnly: false }).seccomp);
});
