// A daemon that is killed while it commits a container: the container runs on, and nothing of the image stays.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { useEngine } from "../support/engine.ts";
import { waitUntil } from "../support/http.ts";

const engine = useEngine();

/** Enough to read for a commit to be seen at work. */
const busy = `dd if=/dev/urandom of=/large bs=1M count=400; while true; do date +%s.%N > /now; usleep 10000; done`;
const stillMs = 150;

test("a container that was being committed runs on, and a paused one stays paused", async () => {
  const { docker, api, daemon } = engine;
  await docker.ok("run", "-d", "--name", "busy", "busybox", "sh", "-c", busy);
  await docker.ok("run", "-d", "--name", "paused", "busybox", "sleep", "1000");
  await docker.ok("pause", "paused");
  const { State } = await api.ok<{ State: { Pid: number } }>("GET", "/containers/busy/json");
  const now = (): string => {
    try {
      return readFileSync(`/proc/${State.Pid}/root/now`, "utf8");
    } catch {
      return "";
    }
  };
  const standsStill = async (): Promise<boolean> => {
    const before = now();
    await sleep(stillMs);
    return now() === before;
  };
  await waitUntil(async () => !(await standsStill()), "the container to be at work");
  const committing = api.call("POST", "/commit?container=busy&repo=half&tag=1").catch(() => undefined);
  await waitUntil(standsStill, "the commit to stop it");
  await daemon.killAndStart();
  await committing;
  assert.deepEqual(await api.ok("GET", `/images/json?filters=${encodeURIComponent('{"reference":["half"]}')}`), []);
  await waitUntil(async () => !(await standsStill()), "the container to go on");
  assert.equal((await api.ok<{ State: { Status: string } }>("GET", "/containers/paused/json")).State.Status, "paused");
  assert.match(
    readFileSync(`/proc/${await docker.ok("inspect", "-f", "{{.State.Pid}}", "paused")}/status`, "utf8"),
    /State:\tD/,
  );
  await docker.ok("unpause", "paused");
});
