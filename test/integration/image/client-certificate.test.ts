import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { withRepository } from "../../../src/oci/distribution/connect.ts";
import type { Repository } from "../../../src/oci/distribution/repository.ts";
import { digestOf } from "../../support/image.ts";

const root = mkdtempSync(join(tmpdir(), "berth-client-cert-"));
const file = (name: string): string => join(root, name);
const blob = Buffer.from("a blob");

/** Who was asked for what, and what the other side showed. */
interface Seen {
  server: string;
  path: string;
  shown: string | undefined;
  authorization: string | undefined;
}
const seen: Seen[] = [];

const serve = async (name: string, handle: (request: IncomingMessage, response: ServerResponse) => void) => {
  const tls = { cert: readFileSync(file("cert.pem")), key: readFileSync(file("key.pem")) };
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    const { authorization } = request.headers;
    seen.push({ server: name, path: request.url ?? "", shown: subject?.CN as string | undefined, authorization });
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
};

let other: Awaited<ReturnType<typeof serve>>;
let registry: Awaited<ReturnType<typeof serve>>;
before(async () => {
  for (const [name, common] of [
    ["cert", "server"],
    ["client", "the client"],
  ] as const) {
    const out = ["-keyout", file(name === "cert" ? "key.pem" : "client.key"), "-out", file(`${name}.pem`)];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync("/usr/bin/openssl", ["req", "-x509", ...curve, ...out, "-subj", `/CN=${common}`], { stdio: "ignore" });
  }
  other = await serve("other", (_, response) => void response.end(blob));
  registry = await serve("registry", (request, response) => {
    if (request.url === "/v2/") return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    response.writeHead(307, { location: `https://${other.host}/elsewhere` }).end();
  });
  const folder = join(root, "certs.d", registry.host);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "client.cert"), readFileSync(file("client.pem")));
  writeFileSync(join(folder, "client.key"), readFileSync(file("client.key")));
});
after(() => {
  for (const one of [other, registry]) {
    one?.server.closeAllConnections();
    one?.server.close();
  }
  rmSync(root, { recursive: true });
});

const visit = <T>(work: (repository: Repository) => Promise<T>): Promise<T> =>
  withRepository(
    { domain: registry.host, path: "a/b" },
    "pull",
    {
      settings: { insecureRegistries: [], mirrors: [], certificatesDirectory: join(root, "certs.d") },
      userAgent: "test",
      auth: { username: "me", password: "pw" },
    },
    work,
  );

const read = async (body: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
};

test("neither the client certificate nor credentials go where a registry or an image sends us", async () => {
  await visit(async (repository) => {
    const { body } = await repository.blob(digestOf(blob));
    assert.deepEqual(await read(body), blob);
    const foreign = await repository.foreignBlob(`https://${other.host}/foreign`);
    assert.deepEqual(await read(foreign.body), blob);
    for (const address of ["file:///etc/passwd", "http://me:pw@x/", "nonsense"])
      await assert.rejects(repository.foreignBlob(address), { name: "ContentError" });
  });
  const own = seen.filter(({ server }) => server === "registry");
  assert.ok(
    own.every(({ shown }) => shown === "the client"),
    "the registry is shown the certificate",
  );
  assert.ok(own.some(({ authorization }) => authorization !== undefined));
  assert.deepEqual(
    seen.filter(({ server }) => server === "other"),
    ["/elsewhere", "/foreign"].map((path) => ({ server: "other", path, shown: undefined, authorization: undefined })),
  );
});
