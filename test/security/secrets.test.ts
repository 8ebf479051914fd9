// What must not be told, and who must not read it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { registryPassword, registryUser, startRegistry } from "../support/registry.ts";
import { Engine, attackImage } from "./engine.ts";

const nobody = 65_534;
const asNobody = (...argv: string[]): number | null =>
  spawnSync(argv[0] ?? "", argv.slice(1), { uid: nobody, gid: nobody, stdio: "ignore" }).status;

test("passwords and environments are in no log line and no event", async () => {
  await using engine = await Engine.start(["--debug"]);
  await engine.load("attack", attackImage());
  await using registry = await startRegistry({ password: true });
  const folder = mkdtempSync(join(tmpdir(), "berth-config-"));
  try {
    const environment = { DOCKER_CONFIG: folder };
    const login = ["login", "-u", registryUser, "--password-stdin", registry.host];
    const logged = await engine.docker(login, { environment, input: Buffer.from(registryPassword) });
    assert.equal(logged.code, 0, logged.stderr);
    const wrong = await engine.docker(login, { environment, input: Buffer.from("wrong-canary") });
    assert.notEqual(wrong.code, 0);
    await engine.ok("tag", "attack", `${registry.host}/a/b`);
    const pushed = await engine.docker(["push", "-q", `${registry.host}/a/b`], { environment });
    assert.equal(pushed.code, 0, pushed.stderr);
    const missing = await engine.docker(["pull", `${registry.host}/a/missing`], { environment });
    assert.notEqual(missing.code, 0);
    await engine.ok("run", "-e", "TOKEN=env-canary", "attack", "true");
    await engine.docker(["run", "-e", "TOKEN=env-canary", "attack", "/no/such/program"]);
    const { text: events } = await engine.api("GET", `/events?since=0&until=${Math.ceil(Date.now() / 1000) + 1}`);
    const inspect = await engine.ok("image", "inspect", "attack", `${registry.host}/a/b`);
    const told = [
      await engine.berthd.output(),
      events,
      inspect,
      await engine.ok("history", "attack"),
      await engine.ok("info"),
    ];
    const encoded = Buffer.from(`${registryUser}:${registryPassword}`).toString("base64");
    for (const canary of [registryPassword, encoded, "wrong-canary", "env-canary"])
      for (const [index, text] of told.entries()) assert.ok(!text.includes(canary), `${canary} in ${index}`);
    assert.match(events, /"Action":"start"/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("another user sees nothing of the data root, also of one that was there before, and may not connect", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-root-"));
  const root = join(folder, "data");
  chmodSync(folder, 0o755);
  mkdirSync(root, { mode: 0o755 });
  try {
    await using engine = await Engine.start(["--data-root", root]);
    await engine.load("attack", attackImage([{ name: "bin/setuid", mode: 0o4755, content: "#!/bin/sh\n" }]));
    const id = await engine.ok("run", "-d", "-v", "volume:/v", "-e", "TOKEN=secret", "attack", "sleep", "100");
    const merged = await engine.ok("inspect", "-f", "{{.GraphDriver.Data.MergedDir}}", id);
    for (const path of ["engine.db", "overlay2", "volumes", "containers", "content", "."]) {
      assert.notEqual(asNobody("/bin/ls", join(root, path)), 0, path);
      if (path !== ".") assert.notEqual(asNobody("/usr/bin/stat", join(root, path)), 0, path);
    }
    assert.notEqual(asNobody(join(merged, "bin/setuid")), 0);
    assert.equal(statSync(join(root, "engine.db")).mode & 0o077, 0, "the database is its owner's");
    assert.equal(statSync(engine.berthd.socketPath).mode & 0o007, 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
