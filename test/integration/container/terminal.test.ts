// Terminals, standard input and detaching, over the raw API as a client uses it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();

const create = async (name: string, body: Record<string, unknown>): Promise<void> => {
  await engine.api.ok("POST", `/containers/create?name=${name}`, { Image: "busybox", ...body });
};
const attach = (name: string, query = "stream=1&stdin=1&stdout=1&stderr=1") =>
  engine.api.hijack(`/containers/${name}/attach?${query}`);
const start = (name: string): Promise<unknown> => engine.api.ok("POST", `/containers/${name}/start`);
const remove = (name: string): Promise<unknown> => engine.api.ok("DELETE", `/containers/${name}?force=1`);

test("a terminal: echo, size, resize, interrupt", async () => {
  const { api } = engine;
  await create("tty", { Tty: true, OpenStdin: true, Cmd: ["sh"], HostConfig: { ConsoleSize: [33, 77] } });
  using session = await attach("tty");
  await start("tty");
  session.socket.write("stty size\n");
  await session.has("33 77");
  await api.ok("POST", "/containers/tty/resize?h=44&w=88");
  session.socket.write("stty size\n");
  await session.has("44 88");
  session.socket.write("sleep 1000; echo interrupted $?\n");
  await session.has("sleep 1000");
  await new Promise((resolve) => setTimeout(resolve, 200));
  session.socket.write("\x03");
  session.socket.write("echo still $((40+2))\n");
  await session.has("still 42");
  session.socket.write("exit 9\n");
  await session.end();
  assert.deepEqual(await api.ok("POST", "/containers/tty/wait"), { StatusCode: 9 });
  await remove("tty");
});

test("the detach keys end the attach, not the container; keys of one's own too", async () => {
  const { api } = engine;
  await create("detached", { Tty: true, OpenStdin: true, Cmd: ["cat"] });
  await start("detached");
  for (const [keys, bytes] of [
    ["", "\x10\x11"],
    ["ctrl-a,x", "\x01x"],
  ] as const) {
    using session = await attach("detached", `stream=1&stdin=1&stdout=1${keys && `&detachKeys=${keys}`}`);
    session.socket.write("word\n");
    await session.has("word");
    session.socket.write(bytes);
    await session.end();
    assert.ok(!session.text.includes("\x01"), "the keys do not reach the process");
  }
  const { State } = await api.ok<{ State: { Running: boolean } }>("GET", "/containers/detached/json");
  assert.ok(State.Running);
  await remove("detached");
});

test("half-close ends stdin, and the output that follows still comes", async () => {
  await create("wc", { OpenStdin: true, StdinOnce: true, AttachStdin: true, Cmd: ["sh", "-c", "wc -c; echo err >&2"] });
  using session = await attach("wc");
  await start("wc");
  const megabyte = Buffer.alloc(1 << 20, "x");
  session.socket.write(megabyte);
  session.socket.end(megabyte);
  await session.end();
  assert.deepEqual(session.streams, { stdout: "2097152\n", stderr: "err\n" });
  await remove("wc");
});

test("a client that vanishes mid-stream costs neither the container nor the daemon anything", async () => {
  const { api, docker } = engine;
  await create("spraying", { Cmd: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; done"] });
  await start("spraying");
  for (let round = 0; round < 5; round += 1) {
    using session = await attach("spraying", "stream=1&stdout=1");
    await waitUntil(() => session.bytes.length > 1000);
    session.socket.destroy();
    const following = await api.stream("GET", "/containers/spraying/logs?follow=1&stdout=1");
    following.once("error", () => {});
    following.once("data", () => following.destroy());
    await new Promise((resolve) => following.once("close", resolve));
  }
  const lines = async (): Promise<string> => docker.ok("logs", "-n", "1", "spraying");
  const before = await lines();
  await waitUntil(async () => (await lines()) !== before, "the container to go on");
  await remove("spraying");
});

test("an exec has a terminal, a size and a stdin of its own", async () => {
  const { api } = engine;
  await create("host", { Cmd: ["sleep", "10000"] });
  await start("host");
  const exec = async (body: Record<string, unknown>): Promise<string> =>
    (await api.ok<{ Id: string }>("POST", "/containers/host/exec", { AttachStdout: true, AttachStderr: true, ...body }))
      .Id;
  const terminal = await exec({ Tty: true, AttachStdin: true, Cmd: ["sh"] });
  using session = await api.hijack(`/exec/${terminal}/start`, { Tty: true, ConsoleSize: [20, 60] });
  session.socket.write("stty size\n");
  await session.has("20 60");
  await api.ok("POST", `/exec/${terminal}/resize?h=21&w=61`);
  session.socket.write("stty size; exit 4\n");
  await session.end();
  await session.has("21 61");
  const { ExitCode, Running } = await api.ok<{ ExitCode: number; Running: boolean }>("GET", `/exec/${terminal}/json`);
  assert.deepEqual([ExitCode, Running], [4, false]);
  const piped = await exec({ AttachStdin: true, Cmd: ["sh", "-c", "cat; echo end >&2"] });
  using pipe = await api.hijack(`/exec/${piped}/start`, { Tty: false });
  pipe.socket.end("through");
  await pipe.end();
  assert.deepEqual(pipe.streams, { stdout: "through", stderr: "end\n" });
  await remove("host");
});
