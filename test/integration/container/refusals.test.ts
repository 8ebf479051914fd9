// What is refused: by its state, or because this engine has not got it.
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();

test("a removal that meets a start is refused, and by force ends what was started", async () => {
  const { api, docker } = engine;
  for (const force of [false, true]) {
    const { Id } = await api.ok<{ Id: string }>("POST", "/containers/create", {
      Image: "busybox",
      Cmd: ["sleep", "60"],
    });
    const starting = api.call("POST", `/containers/${Id}/start`);
    const removed = await api.call("DELETE", `/containers/${Id}${force ? "?force=1" : ""}`);
    const started = await starting;
    if (!force && started.status === 204) {
      // Whichever came first, nothing that runs was taken away.
      assert.ok(removed.status === 409 || removed.status === 204, String(removed.status));
      if (removed.status === 409) assert.equal(await docker.field(Id, "{{.State.Running}}"), "true");
    }
    await api.call("DELETE", `/containers/${Id}?force=1`);
    assert.equal((await api.call("GET", `/containers/${Id}/json`)).status, 404);
  }
});

test("what this engine cannot give is refused, not left out", async () => {
  const { docker } = engine;
  const gpu = await docker.run(["run", "--rm", "--gpus", "all", "busybox", "true"]);
  assert.equal(gpu.code, 125);
  assert.match(gpu.stderr, /could not select device driver "" with capabilities: \[\[gpu\]\]/);
  const isolation = await docker.run(["run", "--rm", "--isolation", "hyperv", "busybox", "true"]);
  assert.match(isolation.stderr, /invalid isolation 'hyperv' on linux/);
});

test("a bind source that cannot be made is told as dockerd tells it", async () => {
  const { daemon, docker } = engine;
  const dangling = join(daemon.folder, "dangling");
  symlinkSync("/nonexistent/target", dangling);
  const refused = await docker.run(["run", "--rm", "-v", `${dangling}:/x`, "busybox", "true"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /error while creating mount source path '.*dangling': mkdir .*dangling: file exists/);
  const nowhere = await docker.run(["run", "--rm", "-v", "/proc/nosuch:/x", "busybox", "true"]);
  assert.match(nowhere.stderr, /mkdir \/proc\/nosuch: no such file or directory/);
});
