import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { dockerArchive, imageOf, layerOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { TokenServer } from "../../support/token-server.ts";
import type { RegistryAuthConfig } from "../../../src/wire/registry/auth.ts";

const image = imageOf({ layers: [layerOf([{ name: "x", content: "y" }])] });
const me = { username: "me", password: "secret" };
let tokens: TokenServer;
let registry: TestRegistry;
before(async () => {
  tokens = await new TokenServer({ me: me.password }).listen();
  registry = await startRegistry({ tokens });
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await tokens?.[Symbol.asyncDispose]();
});

const load = (here: TestImages, ...names: string[]): Promise<void> =>
  here.images.load(Readable.from([dockerArchive([{ image, tags: names }])]), {}, () => undefined);
const push = (here: TestImages, name: string, auth?: RegistryAuthConfig): Promise<void> =>
  here.images.push(name, { auth }, () => undefined);

test("a push gets one token by name and password, for all that it does", async () => {
  await using here = openImages();
  const name = `${registry.host}/public/app:1`;
  await load(here, name);
  tokens.requests.length = 0;
  await push(here, name, me);
  const scopes = ["repository:public/app:pull,push"];
  assert.deepEqual(tokens.requests, [{ method: "GET", grant: "basic", account: "me", scopes, offline: false }]);
  await assert.rejects(push(here, name), { message: /denied|authentication required|unauthorized/i });
  await assert.rejects(push(here, name, { ...me, password: "x" }), { message: "unauthorized: wrong name or password" });
});

test("anybody pulls what is public, and nothing else", async () => {
  await using here = openImages();
  const secret = `${registry.host}/secret/app:1`;
  await load(here, secret);
  await push(here, secret, me);
  await using there = openImages();
  tokens.requests.length = 0;
  await there.pull(`${registry.host}/public/app:1`);
  assert.deepEqual(
    tokens.requests.map(({ grant, scopes }) => [grant, scopes]),
    [["anonymous", ["repository:public/app:pull"]]],
  );
  await assert.rejects(there.pull(secret), { kind: "not-found", message: /pull access denied for/ });
  await there.pull(secret, { auth: me });
});

test("credentials come in every form that clients send them in", async () => {
  const { identityToken } = await (async () => {
    await using here = openImages();
    return here.images.login({ ...me, serveraddress: registry.host });
  })();
  assert.notEqual(identityToken, "", "a login is given a refresh token");
  assert.equal(tokens.requests.at(-1)?.offline, true);
  const scope = "repository:secret/app:pull";
  const forms: [RegistryAuthConfig, string | undefined][] = [
    [{ auth: Buffer.from("me:secret").toString("base64") }, "basic"],
    [{ identitytoken: identityToken }, "refresh_token"],
    [{ username: "<token>", identitytoken: identityToken }, "refresh_token"],
    [{ registrytoken: tokens.token("me", [scope]) }, undefined],
  ];
  for (const [auth, grant] of forms) {
    await using there = openImages();
    tokens.requests.length = 0;
    await there.pull(`${registry.host}/secret/app:1`, { auth });
    assert.deepEqual(
      tokens.requests.map((request) => [request.grant, request.scopes]),
      grant === undefined ? [] : [[grant, [scope]]],
    );
  }
  await using here = openImages();
  await assert.rejects(here.images.login({ ...me, password: "no", serveraddress: registry.host }), {
    kind: "unauthorized",
    message: "unauthorized: wrong name or password",
  });
  const again = await here.images.login({ identitytoken: identityToken, serveraddress: registry.host });
  assert.deepEqual(again, { status: "Login Succeeded", identityToken });
});

test("a layer is mounted from another repository with a token for both", async () => {
  await using here = openImages();
  const [one, two] = [`${registry.host}/secret/app:1`, `${registry.host}/secret/other:1`];
  await load(here, one, two);
  await push(here, one, me);
  tokens.requests.length = 0;
  const told: string[] = [];
  await here.images.push(two, { auth: me }, ({ status }) => told.push(status ?? ""));
  assert.ok(told.includes("Mounted from secret/app"));
  assert.deepEqual(tokens.requests[0]?.scopes, ["repository:secret/other:pull,push", "repository:secret/app:pull"]);
});
