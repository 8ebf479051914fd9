import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Docker } from "../../support/docker.ts";
import { Daemon } from "../../support/daemon.ts";
import { Http } from "../../support/http.ts";
import { loadBusybox } from "../../support/engine.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { TokenServer } from "../../support/token-server.ts";

// The stock CLI, a daemon, and registries that want to know who is there.

let tokens: TokenServer;
let withTokens: TestRegistry;
let withPassword: TestRegistry;
let daemon: Daemon;
let docker: Docker;
let api: Http;
const folder = mkdtempSync(join(tmpdir(), "berth-registry-api-"));
const config = join(folder, "daemon.json");
before(async () => {
  tokens = await new TokenServer({ me: "secret" }).listen();
  withTokens = await startRegistry({ tokens });
  withPassword = await startRegistry({ password: true });
  writeFileSync(config, "{}");
  daemon = await Daemon.start({ args: ["--bridge", "none", "--config-file", config] });
  docker = new Docker(daemon.socketPath);
  api = new Http(daemon.socketPath);
  await loadBusybox(api);
});
after(async () => {
  docker?.[Symbol.dispose]();
  await daemon?.[Symbol.asyncDispose]();
  await withPassword?.[Symbol.asyncDispose]();
  await withTokens?.[Symbol.asyncDispose]();
  await tokens?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const stored = (): Record<string, { auth?: string; identitytoken?: string }> => {
  const path = join(docker.env["DOCKER_CONFIG"] ?? "", "config.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { auths?: ReturnType<typeof stored> }).auths ?? {};
};
const login = (host: string, user: string, password: string) =>
  docker.run(["login", "-u", user, "--password-stdin", host], { input: password });

test("docker login, push, search, pull and logout at a registry with passwords", async () => {
  const { host } = withPassword;
  const name = `${host}/team/app:1`;
  await docker.ok("tag", "busybox:latest", name);
  const refused = await docker.run(["push", "-q", name]);
  assert.match(refused.stderr, /no basic auth credentials/);
  const wrong = await login(host, registryUser, "wrong");
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /login attempt to .* failed with status: 401 Unauthorized/);
  const right = await login(host, registryUser, registryPassword);
  assert.equal(right.code, 0, right.stderr);
  assert.match(right.stdout, /Login Succeeded/);
  assert.ok(stored()[host]?.auth);
  assert.equal(await docker.ok("push", "-q", name), name);
  assert.match(await docker.ok("search", "--format", "{{.Name}}", `${host}/app`), /team\/app$/);
  assert.equal((await docker.ok("manifest", "inspect", "--insecure", name)).includes("layers"), true);
  await docker.ok("rmi", name);
  await docker.ok("pull", "-q", name);
  await docker.ok("logout", host);
  assert.deepEqual(stored(), {});
  assert.notEqual((await docker.run(["push", "-q", name])).code, 0);
});

test("docker login at a token server keeps a token in place of the password, and works with it", async () => {
  const { host } = withTokens;
  const right = await login(host, "me", "secret");
  assert.equal(right.code, 0, right.stderr);
  assert.ok(stored()[host]?.identitytoken, "an identity token was stored");
  const name = `${host}/team/app:1`;
  await docker.ok("tag", "busybox:latest", name);
  tokens.requests.length = 0;
  await docker.ok("push", "-q", name);
  assert.ok(tokens.requests.length > 0);
  assert.ok(tokens.requests.every(({ grant }) => grant === "refresh_token"));
  const { status, text } = await api.call("POST", "/auth", {
    username: "me",
    password: "wrong",
    serveraddress: host,
  });
  assert.deepEqual([status, JSON.parse(text)], [401, { message: "unauthorized: wrong name or password" }]);
  await docker.ok("logout", host);
});

test("mirrors are told by /info, and a reload changes them", async () => {
  const infoOf = async () =>
    (
      await api.ok<{
        RegistryConfig: { Mirrors: string[] | null; IndexConfigs: Record<string, { Mirrors: string[] }> };
      }>("GET", "/info")
    ).RegistryConfig;
  assert.equal((await infoOf()).Mirrors, null);
  writeFileSync(
    config,
    JSON.stringify({ "registry-mirrors": ["http://127.0.0.1:1", `gone.example=http://${withPassword.host}`] }),
  );
  process.kill(daemon.pid ?? assert.fail(), "SIGHUP");
  for (let i = 0; i < 200 && (await infoOf()).Mirrors === null; i++) await sleep(20);
  const info = await infoOf();
  assert.deepEqual(info.Mirrors, ["http://127.0.0.1:1/"]);
  assert.deepEqual(info.IndexConfigs["docker.io"]?.Mirrors, ["http://127.0.0.1:1/"]);
  assert.deepEqual(info.IndexConfigs["gone.example"]?.Mirrors, [`http://${withPassword.host}/`]);
});
