import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { exportJWK, SignJWT } from "jose";
import type { JWTHeaderParameters } from "jose";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { expectFault, expectStatus, jsonOf, pushBlob, pushManifest } from "../../support/distribution.ts";

const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`,
});

test("with htpasswd nobody comes in without the right password", async () => {
  await using registry = await startRegistry({ password: true });
  expectStatus(await registry.send("GET", "/v2/"), 200);
  const wrong: Record<string, string>[] = [
    { authorization: "" },
    { authorization: "Basic" },
    { authorization: "Basic ====" },
    { authorization: "Bearer x" },
    basic(registryUser, "wrong"),
    basic(registryUser, ""),
    basic(registryUser, `${registryPassword}x`),
    basic(registryUser, registryPassword.padEnd(200, "x")),
    basic("", registryPassword),
    basic("nobody", registryPassword),
    basic("__proto__", registryPassword),
  ];
  for (const headers of wrong) {
    for (const [method, path] of [
      ["GET", "/v2/"],
      ["GET", "/v2/_catalog"],
      ["GET", "/v2/a/manifests/t"],
      ["POST", "/v2/a/blobs/uploads/"],
      ["DELETE", "/v2/a/manifests/t"],
    ] as const) {
      const answer = expectFault(await registry.send(method, path, headers), 401, "UNAUTHORIZED");
      assert.equal(answer.headers["www-authenticate"], 'Basic realm="test"');
    }
  }
  await pushManifest(registry, "a/b", "t");
});

test("passwords change with the file, and one that was right is not compared each time", async () => {
  await using registry = await startRegistry({ password: true });
  const path = join(registry.root, "htpasswd");
  // bcrypt with a cost of 12 takes 200 ms and more.
  const slow = execFileSync(process.execPath, [
    "--input-type=module",
    "-e",
    'import bcrypt from "bcryptjs"; process.stdout.write(bcrypt.hashSync("other", 12))',
  ]);
  writeFileSync(path, `# users\n${readFileSync(path, "utf8")}\nslow:${slow.toString()}\nplain:password\n`);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const asOther = basic("slow", "other");
  expectStatus(await registry.send("GET", "/v2/", asOther), 200);
  const begun = performance.now();
  for (let times = 0; times < 50; times++) expectStatus(await registry.send("GET", "/v2/", asOther), 200);
  assert.ok(performance.now() - begun < 5_000);
  expectFault(await registry.send("GET", "/v2/", basic("slow", "wrong")), 401, "UNAUTHORIZED");
  expectFault(await registry.send("GET", "/v2/", basic("plain", "password")), 401, "UNAUTHORIZED");
  writeFileSync(path, `slow:$2b$04$vWNiEITrxqgWPmXCTOQeheCr3aJcYyMuv.Qmpu/tCHimLm605ir/e\n`);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expectFault(await registry.send("GET", "/v2/", asOther), 401, "UNAUTHORIZED");
  expectStatus(await registry.send("GET", "/v2/", basic("slow", registryPassword)), 200);
});

test("comparing passwords keeps nobody waiting who has shown one", async () => {
  await using registry = await startRegistry({ password: true });
  expectStatus(await registry.send("GET", "/v2/"), 200);
  const guesses = Array.from({ length: 400 }, (_, index) => registry.send("GET", "/v2/", basic("nobody", `${index}`)));
  const begun = performance.now();
  expectStatus(await registry.send("GET", "/v2/"), 200);
  const tookMs = performance.now() - begun;
  const answers = await Promise.all(guesses);
  assert.ok(answers.every(({ status }) => status === 401 || status === 429));
  assert.ok(answers.some(({ status }) => status === 429));
  assert.ok(tookMs < 3_000, `${tookMs}`);
});

const realm = "https://auth.test/token";
const [service, issuer] = ["registry.test", "issuer.test"];

interface TokenRegistry extends Disposable {
  registry: TestRegistry;
  folder: string;
}

const openssl = (folder: string, ...args: string[]): void =>
  void execFileSync("/usr/bin/openssl", args, { stdio: "ignore", cwd: folder });

let tokens: TokenRegistry;
before(async () => {
  const directory = temporaryDirectory();
  const folder = directory.path;
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(folder, "req", "-x509", ...curve, "-keyout", "root.key", "-out", "root.crt", "-subj", "/CN=root");
  openssl(folder, "req", ...curve, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf");
  openssl(
    folder,
    "x509",
    "-req",
    "-in",
    "leaf.csr",
    "-CA",
    "root.crt",
    "-CAkey",
    "root.key",
    "-CAcreateserial",
    "-out",
    "leaf.crt",
  );
  openssl(folder, "req", "-x509", ...curve, "-keyout", "evil.key", "-out", "evil.crt", "-subj", "/CN=root");
  const token = { realm, service, issuer, rootcertbundle: join(folder, "root.crt") };
  const registry = await startRegistry({ config: { auth: { token } } });
  tokens = { registry, folder, [Symbol.dispose]: () => directory[Symbol.dispose]() };
});
after(async () => {
  await tokens?.registry[Symbol.asyncDispose]();
  tokens?.[Symbol.dispose]();
});

interface TokenOptions {
  key?: string;
  header?: Partial<JWTHeaderParameters>;
  claims?: Record<string, unknown>;
  actions?: string[];
  name?: string;
  expiresIn?: number;
}

const now = (): number => Math.floor(Date.now() / 1000);

const tokenOf = async (options: TokenOptions = {}): Promise<Record<string, string>> => {
  const { key = "root", header = {}, claims = {}, actions = ["pull", "push"], name = "t/one" } = options;
  const access = [{ type: "repository", name, actions }];
  const payload = { iss: issuer, aud: service, sub: "me", exp: now() + (options.expiresIn ?? 60), access, ...claims };
  const signed = await new SignJWT(payload)
    .setProtectedHeader({ alg: "ES256", typ: "JWT", ...header })
    .sign(createPrivateKey(readFileSync(join(tokens.folder, `${key}.key`))));
  return { authorization: `Bearer ${signed}` };
};

/** As docker's token servers name a key. */
const libtrustId = (key: string): string => {
  const file = join(tokens.folder, `${key}.key`);
  const der = execFileSync("/usr/bin/openssl", ["pkey", "-in", file, "-pubout", "-outform", "DER"]);
  const bytes = createHash("sha256").update(der).digest().subarray(0, 30);
  const base32 = execFileSync("/usr/bin/base32", ["-w0"], { input: bytes }).toString();
  return (base32.match(/.{4}/g) ?? []).join(":");
};

test("without a token the challenge says where one is to be had, and for what", async () => {
  const { registry } = tokens;
  const base = expectFault(await registry.send("GET", "/v2/"), 401, "UNAUTHORIZED");
  assert.equal(base.headers["www-authenticate"], `Bearer realm="${realm}",service="${service}"`);
  const challenges: [method: string, path: string, scope: string][] = [
    ["GET", "/v2/t/one/manifests/x", "repository:t/one:pull"],
    ["POST", "/v2/t/one/blobs/uploads/", "repository:t/one:pull,push"],
    ["DELETE", "/v2/t/one/manifests/x", "repository:t/one:delete"],
    ["GET", "/v2/_catalog", "registry:catalog:*"],
    [
      "POST",
      `/v2/t/one/blobs/uploads/?mount=sha256:${"0".repeat(64)}&from=t/two`,
      "repository:t/one:pull,push repository:t/two:pull",
    ],
  ];
  for (const [method, path, scope] of challenges) {
    const answer = expectFault(await registry.send(method, path), 401, "UNAUTHORIZED");
    assert.equal(answer.headers["www-authenticate"], `Bearer realm="${realm}",service="${service}",scope="${scope}"`);
  }
});

test("a token opens what it names, and nothing more", async () => {
  const { registry } = tokens;
  const send = async (method: string, path: string, options?: TokenOptions) =>
    registry.send(method, path, await tokenOf(options));
  expectStatus(await send("GET", "/v2/"), 200);
  expectStatus(await send("POST", "/v2/t/one/blobs/uploads/"), 202);
  expectStatus(await send("POST", "/v2/t/one/blobs/uploads/", { header: { kid: libtrustId("root") } }), 202);
  expectFault(await send("GET", "/v2/t/one/manifests/x"), 404, "MANIFEST_UNKNOWN");
  expectFault(await send("GET", "/v2/t/one/manifests/x", { claims: { aud: ["a", service] } }), 404, "MANIFEST_UNKNOWN");
  const refused: [method: string, path: string, options: TokenOptions][] = [
    ["GET", "/v2/t/two/manifests/x", {}],
    ["DELETE", "/v2/t/one/manifests/x", {}],
    ["GET", "/v2/_catalog", {}],
    ["POST", "/v2/t/one/blobs/uploads/", { actions: ["pull"] }],
    ["POST", "/v2/t/one/blobs/uploads/", { actions: ["push"] }],
    ["GET", "/v2/t/one/manifests/x", { name: "t" }],
    ["GET", "/v2/t/one/manifests/x", { claims: { access: "all" } }],
    ["GET", "/v2/t/one/manifests/x", { claims: { access: [null, 1, { type: "repository" }] } }],
  ];
  for (const [method, path, options] of refused) {
    const answer = expectFault(await send(method, path, options), 401, "UNAUTHORIZED");
    assert.match(String(answer.headers["www-authenticate"]), /error="insufficient_scope"$/);
  }
  const catalog = { access: [{ type: "registry", name: "catalog", actions: ["*"] }] };
  expectStatus(await send("GET", "/v2/_catalog", { claims: catalog }), 200);
});

test("tokens that nobody trusted has signed, or that are not for here and now, are refused", async () => {
  const { folder, registry } = tokens;
  const evil = await exportJWK(createPrivateKey(readFileSync(join(folder, "evil.key"))));
  const { d: _, ...foreign } = evil;
  const chain = (...names: string[]): string[] =>
    names.map((name) => readFileSync(join(folder, `${name}.crt`), "utf8").replaceAll(/-----[^-]+-----|\s/g, ""));
  const refused: [what: string, options: TokenOptions][] = [
    ["foreign key", { key: "evil" }],
    ["foreign key with its jwk", { key: "evil", header: { jwk: foreign } }],
    ["foreign key under our name", { key: "evil", header: { kid: libtrustId("root") } }],
    ["our key with a foreign jwk", { header: { jwk: foreign } }],
    ["a key by URL", { key: "evil", header: { jku: "http://127.0.0.1/keys" } }],
    ["unknown key id", { header: { kid: "x" } }],
    ["foreign certificate", { key: "evil", header: { x5c: chain("evil") } }],
    ["our certificates behind a foreign one", { key: "evil", header: { x5c: chain("evil", "root") } }],
    ["a leaf's certificate with another key", { key: "evil", header: { x5c: chain("leaf") } }],
    ["expired", { expiresIn: -100 }],
    ["not yet", { claims: { nbf: now() + 1000 } }],
    ["another issuer", { claims: { iss: "other" } }],
    ["another service", { claims: { aud: "other" } }],
    ["no end", { claims: { exp: undefined } }],
  ];
  for (const [what, options] of refused) {
    const answer = await registry.send("GET", "/v2/t/one/manifests/x", await tokenOf(options));
    assert.equal(answer.status, 401, what);
    assert.match(String(answer.headers["www-authenticate"]), /error="invalid_token"$/, what);
  }
  const claims = Buffer.from(JSON.stringify({ iss: issuer, aud: service, exp: now() + 60, access: [] }));
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims.toString("base64url")}.`;
  const secret = readFileSync(join(folder, "root.crt"));
  const hmac = await new SignJWT({ iss: issuer, aud: service, exp: now() + 60 })
    .setProtectedHeader({ alg: "HS256" })
    .sign(secret);
  for (const text of [none, hmac, "x", "a.b.c", "x".repeat(15_000)]) {
    expectFault(await registry.send("GET", "/v2/", { authorization: `Bearer ${text}` }), 401, "UNAUTHORIZED");
  }
  // A certificate that our root has signed is good.
  const leaf = await tokenOf({ key: "leaf", header: { x5c: chain("leaf", "root") } });
  expectFault(await registry.send("GET", "/v2/t/one/manifests/x", leaf), 404, "MANIFEST_UNKNOWN");
});

test("keys of a JWK set are found by their names", async () => {
  using directory = temporaryDirectory();
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwks = join(directory.path, "keys.json");
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "one", alg: "EdDSA" }] }));
  await using registry = await startRegistry({ config: { auth: { token: { realm, service, issuer, jwks } } } });
  const sign = async (kid: string): Promise<Record<string, string>> => {
    const access = [{ type: "repository", name: "j/one", actions: ["pull"] }];
    const token = await new SignJWT({ iss: issuer, aud: service, exp: now() + 60, access })
      .setProtectedHeader({ alg: "EdDSA", kid })
      .sign(privateKey);
    return { authorization: `Bearer ${token}` };
  };
  expectStatus(await registry.send("GET", "/v2/j/one/tags/list", await sign("one")), 404);
  expectStatus(await registry.send("GET", "/v2/j/one/tags/list", await sign("two")), 401);
});

test("over TLS, with certificates of clients when they are wanted", async () => {
  await using open = await startRegistry({ tls: true });
  const digest = await pushBlob(open, "tls/a", Buffer.from("over tls"));
  assert.equal((await open.send("GET", `/v2/tls/a/blobs/${digest}`)).body.toString(), "over tls");
  const clientcas = [join(tokens.folder, "root.crt")];
  await using closed = await startRegistry({ tls: true, config: { http: { tls: { clientcas } } } });
  await assert.rejects(closed.send("GET", "/v2/"));
  const file = (name: string): Buffer => readFileSync(join(tokens.folder, name));
  const get = (cert: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { cert: file(`${cert}.crt`), key: file(`${cert}.key`), rejectUnauthorized: false, agent: false };
      const sent = request(`https://${closed.host}/v2/`, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on("error", reject);
      sent.end();
    });
  assert.equal(await get("leaf"), 200);
  await assert.rejects(get("evil"));
  assert.deepEqual(jsonOf(await open.send("GET", "/v2/")), {});
});
