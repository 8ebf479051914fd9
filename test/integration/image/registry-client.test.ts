import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withRepository } from "../../../src/oci/distribution/connect.ts";
import { downloadBlob } from "../../../src/oci/distribution/download.ts";
import type { RegistrySettings } from "../../../src/oci/distribution/endpoint.ts";
import { parseManifest } from "../../../src/oci/distribution/manifest.ts";
import type { Repository } from "../../../src/oci/distribution/repository.ts";
import type { RegistryAuthConfig } from "../../../src/wire/registry/auth.ts";
import { digestOf, imageOf, layerOf } from "../../support/image.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

const image = imageOf({ layers: [layerOf([{ name: "hello", content: "hello\n" }])] });
let plain: TestRegistry;
let secret: TestRegistry;
let tls: TestRegistry;
let distant: TestRegistry;
const empty = mkdtempSync(join(tmpdir(), "berth-certs-"));

/** An address that is not loopback's, so that certificates count; the sandbox's own network ends with it. */
const distantAddress = "192.0.2.77";

before(async () => {
  execFileSync("/sbin/ip", ["address", "add", `${distantAddress}/32`, "dev", "lo"]);
  [plain, secret, tls, distant] = await Promise.all([
    startRegistry(),
    startRegistry({ password: true }),
    startRegistry({ tls: true, server: "docker" }),
    startRegistry({ tls: true, address: distantAddress }),
  ]);
  for (const registry of [plain, secret, tls, distant]) await registry.put(image, "team/hello", "1");
});
after(async () => {
  for (const registry of [plain, secret, tls, distant]) await registry?.[Symbol.asyncDispose]();
  rmSync(empty, { recursive: true });
});

const settings = (registry: TestRegistry): RegistrySettings => ({
  insecureRegistries: [],
  mirrors: [],
  certificatesDirectory: registry.certificatesDirectory,
});

const within = <T>(
  registry: TestRegistry,
  path: string,
  work: (repository: Repository) => Promise<T>,
  auth?: RegistryAuthConfig,
): Promise<T> =>
  withRepository(
    { domain: registry.host, path },
    "pull",
    {
      settings: settings(registry),
      userAgent: "berth-test",
      auth,
      retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 },
    },
    work,
  );

const readAll = async (repository: Repository, digest: string, sizeBytes: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of downloadBlob(repository, digest, { sizeBytes })) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const pullAll = async (repository: Repository): Promise<void> => {
  const found = await repository.resolve("1");
  assert.deepEqual(found, {
    digest: image.manifestDigest,
    mediaType: image.manifestType,
    size: image.manifest.length,
  });
  const { bytes, mediaType } = await repository.manifest(image.manifestDigest);
  assert.deepEqual(bytes, image.manifest);
  const parsed = parseManifest(bytes, mediaType);
  assert.ok(parsed.kind === "manifest");
  for (const { digest, size } of [...parsed.manifest.layers, parsed.manifest.config])
    assert.equal(digestOf(await readAll(repository, digest, size)), digest);
  assert.equal(await repository.statBlob(image.id), image.config.length);
  assert.equal(await repository.statBlob(digestOf(Buffer.from("not there"))), undefined);
  assert.deepEqual(await repository.tags(), ["1"]);
};

test("an image is read from a registry that speaks HTTP on loopback", () => within(plain, "team/hello", pullAll));

test("an image is read over HTTPS", () => within(tls, "team/hello", pullAll));

test("a private authority in the registry's folder of certificates is trusted, and without it nothing is", async () => {
  await within(distant, "team/hello", pullAll);
  await assert.rejects(within({ ...distant, certificatesDirectory: empty }, "team/hello", pullAll), {
    message: `Get "https://${distant.host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
});

test("a registry with a password takes the right one", () =>
  within(secret, "team/hello", pullAll, { username: registryUser, password: registryPassword }));

test("no password and a wrong one are refused in Docker's words", async () => {
  const ask = (repository: Repository): Promise<unknown> => repository.manifest("1");
  for (const auth of [undefined, { username: registryUser, password: "x" }])
    await assert.rejects(within(secret, "team/hello", ask, auth), {
      name: "CredentialsError",
      message: `Get "http://${secret.host}/v2/team/hello/manifests/1": no basic auth credentials`,
    });
});

test("what is not there has the registry's code", async () => {
  await assert.rejects(
    within(plain, "team/hello", (repository) => repository.manifest("nope")),
    { name: "RegistryError", code: "MANIFEST_UNKNOWN", message: "manifest unknown: manifest unknown" },
  );
  assert.equal(await within(plain, "team/hello", (repository) => repository.resolve("nope")), undefined);
  await assert.rejects(
    within(plain, "team/none", (repository) => repository.tags()),
    { name: "RegistryError", code: "NAME_UNKNOWN" },
  );
});

test("a host where nothing listens is named with Go's words, HTTP last", async () => {
  const { host } = plain;
  const closed = { ...plain, host: `127.0.0.1:1` };
  await assert.rejects(
    within(closed, "x", (repository) => repository.manifest("1")),
    { message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused' },
  );
  assert.notEqual(host, closed.host);
});
