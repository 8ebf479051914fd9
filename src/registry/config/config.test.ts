import assert from "node:assert/strict";
import { test } from "node:test";
import { Section } from "./document.ts";
import { interpret, readAddress } from "./interpret.ts";
import { load } from "./load.ts";

test("without anything it is a registry on loopback", () => {
  const { command, config } = load([], {});
  assert.equal(command, "serve");
  assert.deepEqual(config.listen, { host: "127.0.0.1", port: 5000 });
  assert.equal(config.root, "/var/lib/berth-registry");
  assert.ok(config.deleteEnabled);
  assert.equal(config.auth, undefined);
});

test("flags and variables become parts of the document", () => {
  const argv = [
    "gc",
    "--proxy",
    "docker.io=https://hub.test",
    "--proxy=https://other.test",
    "--quota",
    "10GiB",
    "--read-only",
  ];
  const { command, config } = load(argv, { REGISTRY_HTTP_ADDR: ":1", REGISTRY___PROTO___X: "y", OTHER: "z" });
  assert.equal(command, "gc");
  assert.deepEqual(config.listen, { host: "", port: 1 });
  assert.deepEqual(
    config.upstreams.map(({ namespace, url }) => [namespace, url]),
    [
      ["docker.io", "https://hub.test"],
      [undefined, "https://other.test"],
    ],
  );
  assert.equal(config.quota.registryBytes, 10 * 1024 ** 3);
  assert.ok(config.readOnly);
  assert.equal(({} as { x?: string }).x, undefined);
});

test("docker-registry's file means what it means there", () => {
  const config = interpret(
    { version: 0.1, storage: { filesystem: { rootdirectory: "/data" } }, http: { addr: ":5000" }, auth: {} },
    false,
  );
  assert.equal(config.root, "/data");
  assert.ok(!config.deleteEnabled);
  assert.equal(config.collection.uploadAgeMs, 7 * 86_400_000);
});

test("names and passwords in URLs go where they belong", () => {
  const config = interpret(
    {
      proxy: {
        upstreams: [{ remoteurl: "https://me:p%40w@hub.test/x" }, { remoteurl: "https://me:a@b", username: "i" }],
      },
      notifications: { endpoints: [{ url: "https://me:pw@hook.test/x" }, { url: "https://hook.test/x?y" }] },
    },
    false,
  );
  const [first, second] = config.upstreams;
  assert.deepEqual(first, { namespace: undefined, url: "https://hub.test/x", username: "me", password: "p@w" });
  assert.deepEqual([second?.username, second?.password], ["i", undefined]);
  const [hook, plain] = config.webhooks;
  assert.equal(hook?.url, "https://hook.test/x");
  assert.deepEqual(hook?.headers, { authorization: "Basic bWU6cHc=" });
  assert.equal(plain?.url, "https://hook.test/x?y");
});

test("addresses, durations and sizes", () => {
  assert.deepEqual(readAddress("[::1]:5000"), { host: "::1", port: 5000 });
  for (const odd of ["", "5000", "a:b", "a:99999", "::1:5000"]) assert.throws(() => readAddress(odd), odd);
  const duration = (text: string) => new Section(text).durationMs();
  assert.equal(duration("1h30m"), 5_400_000);
  assert.equal(duration("500ms"), 500);
  assert.equal(duration("3"), 3000);
  assert.throws(() => duration("soon"));
  const bytes = (text: string) => new Section(text).bytes();
  assert.deepEqual(["1", "1KB", "1KiB", "1.5g", "2 TB"].map(bytes), [1, 1000, 1024, 1.5e9, 2e12]);
  assert.throws(() => bytes("much"));
});
