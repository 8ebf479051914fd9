// What others do while a container is being made or started.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { busyboxArchive } from "../../support/busybox-image.ts";
import { useEngine } from "../../support/engine.ts";
import type { TarEntry } from "../../support/tar-archive.ts";

const engine = useEngine();
const rounds = 10;

test("a client that attaches while the start is under way is served, and told of the end", async () => {
  const { api, daemon } = engine;
  for (let round = 0; round < rounds; round++) {
    const body = { Image: "busybox", Cmd: ["sh", "-c", "sleep 0.2; echo late"], HostConfig: { NetworkMode: "none" } };
    const { Id } = await api.ok<{ Id: string }>("POST", "/containers/create", body);
    const started = api.call("POST", `/containers/${Id}/start`);
    await sleep(round);
    const socket = connect(daemon.socketPath);
    let text = "";
    const ended = new Promise<boolean>((resolve) => socket.once("end", () => resolve(true)));
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.write(
      `POST /containers/${Id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
    assert.equal((await started).status, 204);
    assert.equal(await Promise.race([ended, sleep(5000, false)]), true, `round ${round}: still open`);
    assert.match(text, /late\n$/);
    socket.destroy();
    await api.call("DELETE", `/containers/${Id}?force=1`);
  }
});

test("an image that is removed while a container of it is being made keeps its layers", async () => {
  const { api, daemon, docker } = engine;
  const files = Array.from({ length: 8000 }, (_, i) => ({ name: `big/${i}`, content: "x" }));
  const layer: TarEntry[] = [{ name: "big/", type: "5", mode: 0o755 }, ...files];
  const load = (): Promise<unknown> =>
    api.ok("POST", "/images/load?quiet=1", busyboxArchive({ tags: ["big:1"], layers: [layer] }));
  await load();
  const body = { Image: "big:1", Cmd: ["cat", "/big/7"], HostConfig: { NetworkMode: "none", Binds: ["filled:/big"] } };
  const created = api.ok<{ Id: string }>("POST", "/containers/create", body);
  const volume = join(daemon.dataRoot, "volumes/filled/_data");
  // It is being filled from the layer.
  while (!existsSync(volume) || readdirSync(volume).length === 0) await sleep(1);
  await docker.ok("rmi", "big:1");
  const { Id } = await created;
  assert.equal(await docker.ok("start", "-a", Id), "x");
  assert.equal(readdirSync(volume).length, files.length);
  await docker.ok("rm", Id);
  await docker.ok("volume", "rm", "filled");
  // Layers go when an image is removed.
  await load();
  await docker.ok("rmi", "big:1");
});

test("a container whose link ends while it starts leaves its ports free", async () => {
  const { api, docker } = engine;
  await docker.ok("run", "-d", "--name", "linked", "busybox", "sleep", "1000");
  await docker.ok("create", "--name", "linking", "--link", "linked", "-p", "18080:80", "busybox", "sleep", "1000");
  for (let round = 0; round < rounds; round++) {
    await api.call("POST", "/containers/linked/start");
    const started = api.call("POST", "/containers/linking/start");
    await sleep(round);
    await api.call("POST", "/containers/linked/kill");
    await started;
    await api.call("POST", "/containers/linking/kill");
  }
  await docker.ok("start", "linked", "linking");
  await docker.ok("rm", "-f", "linked", "linking");
});
