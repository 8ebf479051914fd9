import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { notFound } from "../../../src/base/errors.ts";
import { containerStreamRoutes } from "../../../src/daemon/api/routes/container-stream.ts";
import { execRoutes } from "../../../src/daemon/api/routes/exec.ts";
import type { Attachment } from "../../../src/daemon/container/attach/attach.ts";
import type { ContainerRoutesService } from "../../../src/daemon/services.ts";
import { type RawConnection, TestApi } from "../../support/api.ts";

/** Reads to the end without ending the other side, which iterating would. */
const count = (client: Duplex): Promise<number> =>
  new Promise((resolve) => {
    let bytes = 0;
    client.on("data", (chunk: Buffer) => (bytes += chunk.length));
    client.on("end", () => resolve(bytes));
  });

/** Reads until the client ends its side, and only then answers: what half-close is for. */
const countThenAnswer = async (client: Duplex): Promise<void> => {
  const bytes = await count(client);
  await sleep(20);
  client.end(`got ${bytes}`);
};

/** Ends its own side first and reads on. */
const answerThenCount = (counted: (bytes: number) => void) => async (client: Duplex) => {
  client.end("bye");
  counted(await count(client));
};

const serve = (run: Attachment["run"], tty = false) => {
  const asked: unknown[] = [];
  const containers = {
    attach: async (ref: string, options: object) => {
      asked.push(options);
      if (ref === "none") throw notFound("No such container: none");
      return { tty, run };
    },
    execStart: async (_id: string, options: { Detach?: boolean }) => {
      asked.push(options);
      return options.Detach === true ? undefined : { tty, run };
    },
  } as unknown as ContainerRoutesService;
  const routes = [...containerStreamRoutes(containers), ...execRoutes(containers)];
  return { asked, start: () => TestApi.start({ routes }) };
};

const head = (connection: RawConnection): string => connection.text.split("\r\n\r\n")[0] ?? "";
const tail = (connection: RawConnection): string => connection.text.slice(head(connection).length + 4);
const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

test("attach with an upgrade: 101, and the client's half-close ends only its own side", async () => {
  const { start } = serve(countThenAnswer);
  await using api = await start();
  using connection = await api.connect();
  const { socket } = connection;
  socket.write(`POST /v1.51/containers/x/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
  await connection.has("\r\n\r\n");
  assert.deepEqual(head(connection).split("\r\n"), [
    "HTTP/1.1 101 UPGRADED",
    "Content-Type: application/vnd.docker.multiplexed-stream",
    "Connection: Upgrade",
    "Upgrade: tcp",
  ]);
  for (let i = 0; i < 100; i++) socket.write("x".repeat(1000));
  socket.end();
  await connection.until(() => connection.ended);
  assert.equal(tail(connection), "got 100000");
});

test("without an upgrade: 200 and the raw stream, half-close too", async () => {
  const { start } = serve(countThenAnswer, true);
  await using api = await start();
  using connection = await api.connect();
  connection.socket.write("POST /containers/x/attach?stream=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.has("\r\n\r\n");
  assert.deepEqual(head(connection).split("\r\n"), [
    "HTTP/1.1 200 OK",
    "Content-Type: application/vnd.docker.raw-stream",
  ]);
  connection.socket.write("GET / HTTP/1.1\r\n\r\n");
  connection.socket.end("more");
  await connection.until(() => connection.ended);
  assert.equal(tail(connection), "got 22", "what looks like a request is only bytes now");
});

test("the engine's half-close lets the client go on", async () => {
  const counted = Promise.withResolvers<number>();
  const { start } = serve(answerThenCount(counted.resolve));
  await using api = await start();
  using connection = await api.connect();
  connection.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
  await connection.until(() => connection.ended);
  assert.equal(tail(connection), "bye");
  connection.socket.end("still here");
  assert.equal(await counted.promise, 10);
});

test("what the client sends with its request is not lost", async () => {
  for (const asks of [upgrade, ""]) {
    const { start } = serve(countThenAnswer);
    await using api = await start();
    using connection = await api.connect();
    connection.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n${asks}Content-Length: 0\r\n\r\nearly`);
    connection.socket.end();
    await connection.until(() => connection.ended);
    if (asks !== "") assert.equal(tail(connection), "got 5");
  }
});

test("exec start: a body before the stream, in one piece and in several, with a length and in chunks", async () => {
  const body = '{"Detach":false,"Tty":true,"ConsoleSize":[24,80]}';
  const plain = [`Content-Length: ${body.length}\r\n`, body];
  const chunked = ["Transfer-Encoding: chunked\r\n", `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`];
  for (const [length, payload = ""] of [plain, chunked]) {
    for (const pauseMs of [0, 30]) {
      const { asked, start } = serve(countThenAnswer, true);
      await using api = await start();
      using connection = await api.connect();
      const { socket } = connection;
      const request = `POST /exec/e/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}${upgrade}\r\n`;
      if (pauseMs === 0) socket.write(`${request}${payload}hello`);
      else {
        socket.write(request);
        await sleep(pauseMs);
        socket.write(payload.slice(0, 10));
        await sleep(pauseMs);
        socket.write(payload.slice(10));
      }
      await connection.has("\r\n\r\n");
      assert.match(
        head(connection),
        /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/,
      );
      assert.match(head(connection), /\r\nApi-Version: 1\.51\r\n/);
      assert.deepEqual(asked, [{ Detach: false, Tty: true, ConsoleSize: [24, 80] }]);
      socket.end(" world");
      await connection.until(() => connection.ended);
      assert.equal(tail(connection), pauseMs === 0 ? "got 11" : "got 6");
    }
  }
});

test("exec start detached answers 200 and keeps the connection", async () => {
  const { start } = serve(countThenAnswer);
  await using api = await start();
  assert.equal((await api.call("POST", "/exec/e/start", { Detach: true })).status, 200);
});

test("an attach that fails is told as plain text; the stream's type depends on the version", async () => {
  const { start } = serve(countThenAnswer);
  await using api = await start();
  for (const asks of [upgrade, ""]) {
    using connection = await api.connect();
    connection.socket.write(`POST /containers/none/attach HTTP/1.1\r\nHost: x\r\n${asks}\r\n`);
    await connection.until(() => connection.ended);
    assert.equal(
      connection.text,
      "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: none\r\n",
    );
  }
  using old = await api.connect();
  old.socket.write(`POST /v1.41/containers/x/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
  await old.has("Content-Type: application/vnd.docker.raw-stream");
  old.socket.end();
});

test("an upgrade asked for elsewhere is not heeded", async () => {
  const { start } = serve(countThenAnswer);
  await using api = await start();
  using connection = await api.connect();
  connection.socket.write(
    "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
  );
  await connection.has("\r\n\r\nOK");
  connection.socket.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until(() => connection.text.split("HTTP/1.1 200 OK").length === 3);
});

test("a client that vanishes ends the attachment", async () => {
  const ended = Promise.withResolvers<void>();
  const { start } = serve(async (client) => {
    client.resume();
    const output = setInterval(() => client.write("output"), 5);
    await new Promise((resolve) => client.once("close", resolve));
    clearInterval(output);
    ended.resolve();
  });
  await using api = await start();
  {
    using connection = await api.connect();
    connection.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
    await connection.has("101 UPGRADED");
  }
  await ended.promise;
});

test("the engine's end closes connections that were taken over", async () => {
  const ended = Promise.withResolvers<void>();
  const { start } = serve((client) =>
    new Promise<void>((resolve) => client.once("close", resolve)).then(ended.resolve),
  );
  const api = await start();
  using connection = await api.connect();
  connection.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
  await connection.has("101 UPGRADED");
  await api[Symbol.asyncDispose]();
  await ended.promise;
  await connection.until(() => connection.ended);
});

const frame = (opcode: number, payload: string, options: { masked?: boolean; final?: boolean } = {}): Buffer => {
  const { masked = true, final = true } = options;
  const bytes = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const size =
    bytes.length > 125
      ? Buffer.from([0xfe, bytes.length >> 8, bytes.length & 255])
      : Buffer.from([0x80 | bytes.length]);
  if (!masked) size.writeUInt8(size.readUInt8(0) & 0x7f, 0);
  const body = masked ? Buffer.from(bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0))) : bytes;
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), size, masked ? mask : Buffer.alloc(0), body]);
};

const websocket = (connection: RawConnection, key = "dGhlIHNhbXBsZSBub25jZQ=="): void => {
  connection.socket.write(
    `GET /containers/x/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
};

test("attach over a websocket", async (t) => {
  // Output without a terminal comes in frames, which a websocket does not carry.
  const stdout = (text: string): Buffer => {
    const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const { start, asked } = serve(async (client) => {
    for await (const chunk of client as AsyncIterable<Buffer>) client.write(stdout(`<${chunk.toString()}>`));
    client.end(stdout("end"));
  });
  await using api = await start();

  await t.test("messages both ways, cut and joined; ping; close", async () => {
    using connection = await api.connect();
    websocket(connection);
    await connection.has("\r\n\r\n");
    const accept = createHash("sha1")
      .update("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
      .digest("base64");
    assert.match(head(connection), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.ok(head(connection).includes(`Sec-WebSocket-Accept: ${accept}`));
    assert.equal((asked.at(-1) as { stdin: boolean }).stdin, true);
    for (const byte of frame(2, "a")) {
      connection.socket.write(Buffer.from([byte]));
      await sleep(1);
    }
    await connection.has("\x82\x03<a>");
    connection.socket.write(Buffer.concat([frame(1, "b", { final: false }), frame(0, "c"), frame(9, "p")]));
    await connection.has("\x8a\x01p");
    connection.socket.write(frame(2, "x".repeat(300)));
    await connection.has(`\x82\x7e\x01\x2e<${"x".repeat(300)}>`);
    connection.socket.write(frame(8, "\x03\xe8"));
    await connection.has("\x88\x02\x03\xe8");
    await connection.until(() => connection.ended);
  });

  await t.test("what is against the protocol closes it", async () => {
    const cases: [Buffer, string][] = [
      [frame(2, "x", { masked: false }), "\x88\x02\x03\xea"],
      [frame(3, "x"), "\x88\x02\x03\xea"],
      [frame(9, "x", { final: false }), "\x88\x02\x03\xea"],
      [Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 2, 3, 4]), "\x88\x02\x03\xf1"],
    ];
    for (const [bytes, closing] of cases) {
      using connection = await api.connect();
      websocket(connection);
      await connection.has("\r\n\r\n");
      connection.socket.write(bytes);
      await connection.has(closing);
      await connection.until(() => connection.ended);
    }
  });

  await t.test("a handshake that is none", async () => {
    const plain = await api.call("GET", "/containers/x/attach/ws");
    assert.equal(plain.status, 400);
    using connection = await api.connect();
    websocket(connection, "short");
    await connection.has("HTTP/1.1 400 Bad Request");
    await connection.has("not websocket protocol");
  });
});
