import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { drain, Transport } from "./transport.ts";
import { TransportError } from "./registry-error.ts";

const content = randomBytes(5_000_003);
const folder = mkdtempSync(join(tmpdir(), "berth-transport-"));
const connections = new Set<object>();

const serve: http.RequestListener = (request, response) => {
  connections.add(request.socket);
  const kind = request.url ?? "";
  if (kind !== "/until-close") response.setHeader("content-length", content.length);
  else response.setHeader("connection", "close");
  if (kind !== "/cut") return void response.end(content);
  response.write(content.subarray(0, 1_000_000), () => request.socket.destroy());
};

let servers: { http: http.Server; https: https.Server };
before(async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const name = ["-subj", "/CN=127.0.0.1", "-days", "1"];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...name];
  execFileSync("/usr/bin/openssl", made, { stdio: "ignore" });
  const credentials = { key: readFileSync(key), cert: readFileSync(cert) };
  servers = { http: http.createServer(serve), https: https.createServer(credentials, serve) };
  for (const server of Object.values(servers)) await once(server.listen(0, "127.0.0.1"), "listening");
});
after(() => {
  for (const server of Object.values(servers)) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});

/** Reads an answer in all its pieces, which are looked at only when all are there. */
const read = async (transport: Transport, url: URL, pauseMs: number): Promise<Buffer> => {
  const { body } = await transport.send({ method: "GET", url });
  const pieces: Buffer[] = [];
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    if (pauseMs > 0 && pieces.length % 16 === 0) await sleep(pauseMs);
  }
  return Buffer.concat(pieces);
};

for (const scheme of ["http", "https"] as const) {
  const open = (): { transport: Transport; url: (path: string) => URL } => {
    const host = `127.0.0.1:${(servers[scheme].address() as AddressInfo).port}`;
    const endpoint = { scheme, host, prefix: "", insecure: true, mirror: false, certificates: { ca: [] } };
    const transport = new Transport(endpoint, { userAgent: "test" });
    return { transport, url: (path) => new URL(path, `${scheme}://${host}`) };
  };

  test(`${scheme}: answers over connections that share a buffer are what was sent, read fast or slowly`, async () => {
    const { transport, url } = open();
    using _ = transport;
    const answers = await Promise.all([0, 5, 0, 5].map((pauseMs) => read(transport, url("/"), pauseMs)));
    for (const answer of answers) assert.ok(answer.equals(content));
    assert.ok((await read(transport, url("/until-close"), 0)).equals(content));
  });

  test(`${scheme}: a connection is used again`, async () => {
    const { transport, url } = open();
    using _ = transport;
    connections.clear();
    for (let count = 0; count < 3; count++) assert.ok((await read(transport, url("/"), 0)).equals(content));
    assert.equal(connections.size, 1);
    const { body } = await transport.send({ method: "HEAD", url: url("/") });
    await drain(body);
  });

  test(`${scheme}: what is cut off is an error`, async () => {
    const { transport, url } = open();
    using _ = transport;
    await assert.rejects(read(transport, url("/cut"), 0), /aborted|ECONNRESET|socket/i);
    servers[scheme].closeAllConnections();
    await assert.rejects(transport.send({ method: "GET", url: new URL(`${scheme}://127.0.0.1:1/`) }), TransportError);
  });
}
