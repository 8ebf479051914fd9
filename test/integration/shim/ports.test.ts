import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, connect } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { test } from "node:test";
import { Containers, readAll } from "./container.ts";

const fdOf = (socket: unknown): number => (socket as { _handle: { fd: number } })._handle.fd;

const listen = async (host: string, port = 0): Promise<{ server: Server; port: number }> => {
  const server = createServer({ allowHalfOpen: true });
  server.listen(port, host);
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
};

const inUse = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
      .on("error", () => resolve(true))
      .listen(port, "127.0.0.1", () => server.close(() => resolve(false)));
  });

test("a held port is taken as long as the container runs, and free when its end is told", async () => {
  await using containers = new Containers();
  const { server, port } = await listen("127.0.0.1");
  const { connection } = await containers.start("held", ["cat"], { stdin: "once", holdFds: [fdOf(server)] });
  server.close();
  assert.equal(await inUse(port), true);
  connection.closeStdin();
  await connection.exited;
  assert.equal(await inUse(port), false);
});

test("ports are released when asked, while the container runs", async () => {
  await using containers = new Containers();
  const { server, port } = await listen("127.0.0.1");
  const { connection } = await containers.start("released", ["sleep", "60"], { holdFds: [fdOf(server)] });
  server.close();
  connection.releasePorts();
  // The same connection answers a size only after the release: frames are taken in order.
  for (let i = 0; i < 100 && (await inUse(port)); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await inUse(port), false);
});

test("a TCP relay passes bytes both ways and keeps half-closes", async () => {
  await using containers = new Containers();
  const target = await listen("127.0.0.1");
  target.server.on("connection", (socket) => {
    void readAll(socket).then((all) => socket.end(Buffer.concat([Buffer.from("got "), all])));
  });
  const front = await listen("::1");
  const relays = [{ fd: fdOf(front.server), protocol: "tcp" as const, address: "127.0.0.1", port: target.port }];
  await containers.start("relay", ["sleep", "60"], { relays });
  front.server.close();
  const body = Buffer.alloc(2_000_000, "relay");
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect({ port: front.port, host: "::1", allowHalfOpen: true });
      socket.end(body);
      return await readAll(socket);
    }),
  );
  for (const answer of answers) assert.ok(answer.equals(Buffer.concat([Buffer.from("got "), body])));
  target.server.close();
});

test("a relay to a port that nobody serves closes the connection", async () => {
  await using containers = new Containers();
  const target = await listen("127.0.0.1");
  target.server.close();
  const front = await listen("::1");
  const relays = [{ fd: fdOf(front.server), protocol: "tcp" as const, address: "127.0.0.1", port: target.port }];
  await containers.start("refused", ["sleep", "60"], { relays });
  front.server.close();
  const socket = connect(front.port, "::1");
  socket.on("error", () => {});
  await once(socket, "close");
});

test("a UDP relay finds the way back to each client", async () => {
  await using containers = new Containers();
  const target = createSocket("udp4");
  target.on("message", (message, from) => target.send(`echo ${message.toString()}`, from.port, from.address));
  target.bind(0, "127.0.0.1");
  await once(target, "listening");
  const front = createSocket("udp6");
  front.bind(0, "::1");
  await once(front, "listening");
  const port = front.address().port;
  const handle = (front as unknown as Record<symbol, { handle: { fd: number } }>)[
    Object.getOwnPropertySymbols(front).find((symbol) => symbol.description === "state symbol")!
  ]!.handle;
  const relays = [{ fd: handle.fd, protocol: "udp" as const, address: "127.0.0.1", port: target.address().port }];
  await containers.start("udp", ["sleep", "60"], { relays });
  front.close();
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const client = createSocket("udp6");
      client.send(`from ${i}`, port, "::1");
      const [message] = (await once(client, "message")) as [Buffer];
      client.close();
      return message.toString();
    }),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 10 }, (_, i) => `echo from ${i}`),
  );
  target.close();
});
