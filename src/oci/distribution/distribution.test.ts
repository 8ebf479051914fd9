import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import { sha256 } from "../digest.ts";
import { mediaType } from "../media-type.ts";
import { withRepository } from "./connect.ts";
import { downloadBlob } from "./download.ts";
import type { Repository } from "./repository.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry whose answers a test makes up. It asks nothing at `/v2/` unless the handler answers that itself. */
class FakeRegistry implements AsyncDisposable {
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"] }[] = [];
  readonly #server: Server;

  constructor(handler: Handler, pingStatus = 200, challenge?: () => string) {
    this.#server = createServer((request, response) => {
      this.requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
      if (request.url !== "/v2/") return handler(request, response);
      response.writeHead(pingStatus, challenge === undefined ? {} : { "www-authenticate": challenge() });
      response.end();
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const visit = <T>(host: string, work: (repository: Repository) => Promise<T>, auth?: RegistryAuthConfig): Promise<T> =>
  withRepository(
    { domain: host, path: "a/b" },
    "pull",
    {
      settings: { insecureRegistries: [], mirrors: [], certificatesDirectory: "/nonexistent" },
      userAgent: "test",
      auth,
      retry: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 },
    },
    work,
  );

const blobBytes = Buffer.alloc(300_000, "0123456789");
const blobDigest = sha256(blobBytes);
const download = async (repository: Repository, sizeBytes = blobBytes.length): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of downloadBlob(repository, blobDigest, { sizeBytes })) chunks.push(chunk);
  return Buffer.concat(chunks);
};

test("a token is fetched once for the scope and sent as Bearer", async () => {
  let tokens = 0;
  await using server = await new FakeRegistry(
    (request, response) => {
      if (request.url?.startsWith("/token")) {
        tokens++;
        const url = new URL(request.url, "http://x");
        assert.equal(url.searchParams.get("scope"), "repository:a/b:pull");
        assert.equal(url.searchParams.get("service"), "some, service");
        assert.equal(request.headers.authorization, `Basic ${Buffer.from("me:pw").toString("base64")}`);
        return void response.end(JSON.stringify({ token: "t1", expires_in: 300 }));
      }
      if (request.headers.authorization !== "Bearer t1") return void response.writeHead(401).end();
      response.end(blobBytes);
    },
    401,
    (): string => `Bearer realm="http://${server.host}/token",service="some, service"`,
  ).listen();
  await visit(
    server.host,
    async (repository) => {
      await download(repository);
      await download(repository);
    },
    { username: "me", password: "pw" },
  );
  assert.equal(tokens, 1);
});

test("a token that the registry takes no more is renewed once", async () => {
  let issued = 0;
  await using server = await new FakeRegistry(
    (request, response) => {
      if (request.url?.startsWith("/token")) return void response.end(JSON.stringify({ access_token: `t${++issued}` }));
      const good = request.headers.authorization === "Bearer t2";
      if (!good) return void response.writeHead(401, { "www-authenticate": `Bearer realm="x"` }).end();
      response.end(blobBytes);
    },
    401,
    (): string => `Bearer realm="http://${server.host}/token"`,
  ).listen();
  await visit(server.host, (repository) => download(repository));
  assert.equal(issued, 2);
});

test("a refusing token server's words reach the caller", async () => {
  await using server = await new FakeRegistry(
    (_, response) => {
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ details: "incorrect username or password" }));
    },
    401,
    (): string => `Bearer realm="http://${server.host}/token"`,
  ).listen();
  await assert.rejects(
    visit(server.host, (repository) => download(repository)),
    { code: "UNAUTHORIZED", message: "unauthorized: incorrect username or password" },
  );
});

test("a redirect to another host carries no credentials, one on the same host does", async () => {
  await using other = await new FakeRegistry((_, response) => void response.end(blobBytes)).listen();
  await using server = await new FakeRegistry(
    (request, response) => {
      if (request.url?.includes("/blobs/")) return void response.writeHead(307, { location: "/here" }).end();
      response.writeHead(302, { location: `http://${other.host}/there?x=1` }).end();
    },
    401,
    () => 'Basic realm="r"',
  ).listen();
  assert.deepEqual(
    await visit(server.host, (repository) => download(repository), { username: "a", password: "b" }),
    blobBytes,
  );
  assert.deepEqual(
    server.requests.map(({ url, headers }) => [url.split("/").at(-1), headers.authorization !== undefined]),
    [
      ["", false],
      [blobDigest, true],
      ["here", true],
    ],
  );
  assert.deepEqual(
    other.requests.map(({ url, headers }) => [url, headers.authorization]),
    [["/there?x=1", undefined]],
  );
});

test("a download that is cut goes on where it ended", async () => {
  let cuts = 0;
  await using server = await new FakeRegistry((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const rest = blobBytes.subarray(from);
    const headers = {
      "content-length": rest.length,
      "content-range": `bytes ${from}-${blobBytes.length - 1}/${blobBytes.length}`,
    };
    response.writeHead(from === 0 ? 200 : 206, headers);
    if (cuts++ < 2) return void response.write(rest.subarray(0, 100_000), () => response.destroy());
    response.end(rest);
  }).listen();
  assert.deepEqual(await visit(server.host, (repository) => download(repository)), blobBytes);
  const ranges = server.requests.map(({ headers }) => headers.range).filter(Boolean);
  assert.equal(ranges.length, 2);
  assert.ok(ranges.every((range) => range !== "bytes=0-"));
});

test("a server without ranges is read again from the start, and the bytes are given once", async () => {
  let cuts = 0;
  await using server = await new FakeRegistry((_, response) => {
    response.writeHead(200, { "content-length": blobBytes.length });
    if (cuts++ < 2) return void response.write(blobBytes.subarray(0, 100_000), () => response.destroy());
    response.end(blobBytes);
  }).listen();
  assert.deepEqual(await visit(server.host, (repository) => download(repository)), blobBytes);
});

test("a blob that always ends early is refused after a bounded number of tries", async () => {
  await using server = await new FakeRegistry((_, response) => {
    response.writeHead(200, { "content-length": 1000 });
    response.write(blobBytes.subarray(0, 500), () => response.destroy());
  }).listen();
  await assert.rejects(
    visit(server.host, (repository) => download(repository, 1000)),
    { name: "TransportError" },
  );
  assert.equal(server.requests.filter(({ url }) => url.includes("blobs")).length, 3);
});

test("a blob that is longer than its manifest says is refused", async () => {
  await using server = await new FakeRegistry((_, response) => void response.end(blobBytes)).listen();
  await assert.rejects(
    visit(server.host, (repository) => download(repository, 1000)),
    { name: "ContentError" },
  );
});

test("a busy server is asked again, as late as it says", async () => {
  let calls = 0;
  await using server = await new FakeRegistry((_, response) => {
    if (++calls === 1) return void response.writeHead(503).end();
    if (calls === 2) return void response.writeHead(429, { "retry-after": "1" }).end();
    response.end(blobBytes);
  }).listen();
  const started = performance.now();
  await visit(server.host, (repository) => download(repository));
  assert.ok(performance.now() - started >= 990);
  assert.equal(calls, 3);
});

test("a manifest whose bytes are not those of its digest is refused", async () => {
  const bytes = Buffer.from("{}");
  const wrong = sha256("other");
  await using server = await new FakeRegistry((_, response) => {
    response.writeHead(200, { "docker-content-digest": wrong, "content-type": mediaType.ociManifest });
    response.end(bytes);
  }).listen();
  for (const asked of [wrong, "latest"])
    await assert.rejects(
      visit(server.host, (repository) => repository.manifest(asked)),
      {
        name: "ContentError",
        message: `manifest verification failed for digest ${wrong}`,
      },
    );
});

test("a manifest of more than 4 MiB is not read to its end", async () => {
  let sent = 0;
  await using server = await new FakeRegistry((_, response) => {
    const more = (): void => {
      while (sent < 100 * 1024 * 1024) {
        sent += 65_536;
        if (!response.write(Buffer.alloc(65_536, " "))) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  }).listen();
  await assert.rejects(
    visit(server.host, (repository) => repository.manifest("latest")),
    { name: "ContentError" },
  );
  assert.ok(sent < 50 * 1024 * 1024);
});

test("an aborted download ends at once with the reason", async () => {
  const abort = new AbortController();
  await using server = await new FakeRegistry((_, response) => {
    response.writeHead(200, { "content-length": blobBytes.length });
    response.write(blobBytes.subarray(0, 10), () => abort.abort(new Error("client left")));
  }).listen();
  await assert.rejects(
    visit(server.host, async (repository) => {
      const chunks = downloadBlob(repository, blobDigest, { sizeBytes: blobBytes.length, signal: abort.signal });
      for await (const chunk of chunks) assert.equal(chunk.length, 10);
    }),
    { message: "client left" },
  );
});

test("a list of tags without end, of huge ones, or of no sense is refused", async () => {
  let answers = 0;
  const list = (body: string, link = "tags/list?again"): Promise<FakeRegistry> =>
    new FakeRegistry((_, response) => {
      answers++;
      response.writeHead(200, { link: `<${link}>; rel="next"` }).end(body);
    }).listen();
  for (const [body, link, most] of [
    [JSON.stringify({ tags: ["t".repeat(3_000_000)] }), undefined, 10],
    [JSON.stringify({ tags: Array.from({ length: 1000 }, () => "t") }), undefined, 110],
    ["garbage", undefined, 1],
    [JSON.stringify({ tags: ["a"] }), "http://[", 1],
  ] as const) {
    answers = 0;
    await using server = await list(body, link);
    await assert.rejects(
      visit(server.host, (repository) => repository.tags()),
      { name: "ContentError" },
      body.slice(0, 20),
    );
    assert.ok(answers <= most, `${answers}`);
  }
});
