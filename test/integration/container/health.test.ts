// Health checks with their states, their log and their events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();
const status = (name: string): Promise<string> => engine.docker.field(name, "{{.State.Health.Status}}");
const timing = ["--health-interval", "200ms", "--health-timeout", "2s", "--health-retries", "2"];

test("starting, healthy, unhealthy after the retries, healthy again", async () => {
  const { docker, api } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "checked",
    ...timing,
    "--health-cmd",
    "test -e /ok && echo fine",
    "busybox",
    "sh",
    "-c",
    "touch /ok; sleep 10000",
  );
  assert.match(await status("checked"), /starting|healthy/);
  await waitUntil(async () => (await status("checked")) === "healthy", "healthy");
  assert.match(await docker.ok("ps", "--format", "{{.Status}}"), /\(healthy\)/);
  await docker.ok("exec", "checked", "rm", "/ok");
  await waitUntil(async () => (await status("checked")) === "unhealthy", "unhealthy");
  const { State } = await api.ok<{
    State: { Health: { FailingStreak: number; Log: { ExitCode: number; Output: string }[] } };
  }>("GET", "/containers/checked/json");
  assert.ok(State.Health.FailingStreak >= 2 && State.Health.Log.length <= 5);
  assert.equal(State.Health.Log.at(-1)?.ExitCode, 1);
  await docker.ok("exec", "checked", "touch", "/ok");
  await waitUntil(async () => (await status("checked")) === "healthy", "healthy again");
  const since = Math.trunc(Date.now() / 1000) - 30;
  const filters = encodeURIComponent(JSON.stringify({ event: ["health_status"] }));
  const { text } = await api.call("GET", `/events?since=${since}&until=${since + 31}&filters=${filters}`);
  assert.deepEqual(
    [...text.matchAll(/"Action":"health_status: (\w+)"/g)].map(([, word]) => word),
    ["healthy", "unhealthy", "healthy"],
  );
  await docker.ok("rm", "-f", "checked");
});

test("a check that takes too long is killed and fails; a restarted daemon goes on checking", async () => {
  const { docker, daemon } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "slow",
    "--health-interval",
    "200ms",
    "--health-timeout",
    "300ms",
    "--health-retries",
    "1",
    "--health-cmd",
    "[ -e /ok ] || sleep 1000",
    "busybox",
    "sleep",
    "10000",
  );
  await waitUntil(async () => (await status("slow")) === "unhealthy", "unhealthy");
  await waitUntil(
    async () => !/sleep 1000$/m.test(await docker.ok("top", "slow")) || (await status("slow")) === "unhealthy",
  );
  await daemon.killAndStart();
  await docker.ok("exec", "slow", "touch", "/ok");
  await waitUntil(async () => (await status("slow")) === "healthy", "healthy");
  await docker.ok("stop", "-t", "0", "slow");
  assert.equal(await docker.ok("ps", "-aq", "--filter", "health=starting"), "");
  await docker.ok("rm", "slow");
});
