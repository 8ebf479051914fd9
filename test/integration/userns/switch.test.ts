// One data root under daemons with --userns-remap, without it, and with other ids: nothing is lost and nothing copied.
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { appendFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { assertNoLeaks, loadBusybox, scopeOf } from "../../support/engine.ts";
import { Http } from "../../support/http.ts";
import { takeInventory } from "../../support/leaks.ts";
import { privateEtc, ranges } from "../../support/private-etc.ts";

const words = (text: string): string => text.trim().replace(/\s+/g, " ");

test("containers, images and volumes outlive a change of the option", async () => {
  using _etc = privateEtc();
  const folder = await mkdtemp(join(tmpdir(), "berth-test-"));
  await chmod(folder, 0o711);
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const on = ["--userns-remap", "daemon"];
  let daemon = await Daemon.start({ folder, args: on });
  await using _last = { [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
  const next = async (args: string[], how: "stop" | "kill"): Promise<void> => {
    if (how === "kill") await daemon.kill();
    else assert.equal(await daemon.stop(), 0, await daemon.output());
    daemon = await Daemon.start({ folder, args });
  };
  await loadBusybox(new Http(daemon.socketPath));
  using docker = new Docker(daemon.socketPath);
  const script = "stat -c '%n %u:%g' /own /v/f; cat /proc/self/uid_map; sleep 600";
  const write = "[ -e /own ] || { touch /own /v/f; chown 3:4 /own; chown 5:6 /v/f; }";
  for (const name of ["ran", "runs"]) {
    await docker.ok("run", "-d", "--name", name, "-v", `${name}:/v`, "busybox", "sh", "-c", `${write}; ${script}`);
  }
  await docker.ok("stop", "-t", "0", "ran");
  const owners = "/own 3:4 /v/f 5:6";
  const linesOf = async (name: string): Promise<string[]> =>
    (await docker.ok("logs", name)).split("\n").filter(Boolean);
  /** What a new run prints: three lines behind those of the earlier ones. */
  const seen = async (name: string): Promise<string> => {
    const before = (await linesOf(name)).length;
    await docker.ok("restart", "-t", "0", name);
    for (const end = Date.now() + 5000; ;) {
      const lines = (await linesOf(name)).slice(before);
      if (lines.length >= 3 || Date.now() > end) return words(lines.join(" "));
    }
  };
  const inside = async (name: string): Promise<string> =>
    words(await docker.ok("exec", name, "cat", "/proc/self/uid_map"));

  await next([], "stop");
  assert.equal(await inside("runs"), `0 ${ranges.first} ${ranges.size}`, "what runs keeps what it was started with");
  await docker.ok("cp", "runs:/own", join(folder, "copied"));
  await docker.ok("cp", join(folder, "copied"), "runs:/copied");
  assert.equal(await docker.ok("exec", "runs", "stat", "-c", "%u", "/copied"), "0");
  assert.equal(await seen("ran"), `${owners} 0 0 4294967295`);
  await docker.ok("rm", "-f", "ran");
  await docker.ok(
    "run",
    "-d",
    "--name",
    "ran",
    "-v",
    "ran:/v",
    "busybox",
    "sh",
    "-c",
    `touch /own; chown 3:4 /own; ${script}`,
  );

  writeFileSync("/etc/subuid", `daemon:${ranges.second}:${ranges.size}\n`);
  writeFileSync("/etc/subgid", "");
  appendFileSync("/etc/subgid", `daemon:${ranges.second}:${ranges.size}\n`);
  await next(on, "kill");
  assert.equal(await inside("runs"), `0 ${ranges.first} ${ranges.size}`);
  assert.equal(await inside("ran"), "0 0 4294967295");
  for (const name of ["ran", "runs"]) assert.equal(await seen(name), `${owners} 0 ${ranges.second} ${ranges.size}`);
  await docker.ok("rm", "-f", "ran", "runs");
  await docker.ok("volume", "rm", "ran", "runs");

  const idle = takeInventory(scopeOf(daemon));
  await docker.ok("run", "--rm", "-v", "/v", "busybox", "true");
  await assertNoLeaks(idle, scopeOf(daemon));
});
