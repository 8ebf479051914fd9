import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { busyboxLayer, digestOf, dockerArchive, imageOf, layerOf } from "../../support/image.ts";
import { RegistryClients } from "../../support/registry-clients.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { expectStatus, jsonOf, ociManifest } from "../../support/distribution.ts";

let registry: TestRegistry;
let locked: TestRegistry;
let directory: ReturnType<typeof temporaryDirectory>;
let clients: RegistryClients;
let archive: string;
const image = imageOf({
  layers: [busyboxLayer(), layerOf([{ name: "payload", content: randomBytes(2_000_000).toString("hex") }])],
});

before(async () => {
  [registry, locked] = await Promise.all([startRegistry(), startRegistry({ password: true })]);
  directory = temporaryDirectory();
  clients = new RegistryClients(directory.path);
  archive = join(directory.path, "image.tar");
  writeFileSync(archive, dockerArchive([{ image, tags: ["clients:1"] }]));
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await locked?.[Symbol.asyncDispose]();
  directory?.[Symbol.dispose]();
});

const folder = (name: string): string => {
  const path = join(directory.path, name);
  mkdirSync(path, { recursive: true });
  return path;
};

const insecure = { from: "--src-tls-verify=false", to: "--dest-tls-verify=false" };

test("docker: push, run from it, tags, login, through Berth's daemon", async () => {
  await using daemon = await Daemon.start();
  using docker = new Docker(daemon.socketPath);
  const must = async (...args: string[]): Promise<string> => {
    const outcome = await docker.run(args);
    assert.equal(outcome.code, 0, `${args.join(" ")}: ${outcome.stderr}`);
    return outcome.stdout;
  };
  await must("load", "-i", archive);
  const name = `${registry.host}/docker/app`;
  for (const tag of ["1", "2"]) {
    await must("tag", "clients:1", `${name}:${tag}`);
    assert.match(await must("push", `${name}:${tag}`), /digest: sha256:/);
  }
  assert.deepEqual(jsonOf(await registry.send("GET", "/v2/docker/app/tags/list")), {
    name: "docker/app",
    tags: ["1", "2"],
  });
  await must("rmi", `${name}:1`, `${name}:2`, "clients:1");
  assert.equal(await must("run", "--rm", `${name}:1`, "echo", "pulled"), "pulled\n");
  await must("rmi", `${name}:1`);
  await must("pull", "--all-tags", name);
  assert.match(await must("images", name), /app +2 /);
  const secret = `${locked.host}/docker/secret:1`;
  await must("tag", `${name}:1`, secret);
  assert.notEqual((await docker.run(["push", secret])).code, 0);
  await must("login", "-u", registryUser, "-p", registryPassword, locked.host);
  await must("push", secret);
  await must("rmi", secret, `${name}:1`, `${name}:2`);
  await must("pull", secret);
  await must("rmi", secret);
});

test("skopeo: copies from archives and folders and back, lists, inspects, deletes", async () => {
  const name = `docker://${registry.host}/skopeo/app`;
  await clients.skopeo("copy", insecure.to, `docker-archive:${archive}`, `${name}:docker`);
  await clients.skopeo("copy", insecure.to, "--format", "oci", `docker-archive:${archive}`, `${name}:oci`);
  const tags = JSON.parse(await clients.skopeo("list-tags", "--tls-verify=false", name)) as { Tags: string[] };
  assert.deepEqual(tags.Tags, ["docker", "oci"]);
  const raw = await clients.skopeo("inspect", "--raw", "--tls-verify=false", `${name}:oci`);
  assert.equal((JSON.parse(raw) as { mediaType?: string }).mediaType, ociManifest);
  const inspected = JSON.parse(await clients.skopeo("inspect", "--tls-verify=false", `${name}:docker`)) as {
    Digest: string;
  };
  const manifest = expectStatus(await registry.send("GET", "/v2/skopeo/app/manifests/docker"), 200);
  assert.equal(inspected.Digest, digestOf(manifest.body));
  const copy = folder("skopeo-dir");
  await clients.skopeo("copy", insecure.from, `${name}:docker`, `dir:${copy}`);
  assert.deepEqual(readFileSync(join(copy, "manifest.json")), manifest.body);
  await clients.skopeo("copy", insecure.to, `dir:${copy}`, `${name}:again`);
  const again = await registry.send("GET", "/v2/skopeo/app/manifests/again");
  assert.deepEqual(again.body, manifest.body);
  // A copy between repositories mounts blobs.
  await clients.skopeo("copy", insecure.from, insecure.to, `${name}:oci`, `docker://${registry.host}/skopeo/other:1`);
  await clients.skopeo("delete", "--tls-verify=false", `${name}:oci`);
  const left = JSON.parse(await clients.skopeo("list-tags", "--tls-verify=false", name)) as { Tags: string[] };
  assert.deepEqual(left.Tags, ["again", "docker"]);
  await clients.skopeo("copy", insecure.from, `docker://${registry.host}/skopeo/other:1`, `dir:${folder("other")}`);
});

test("skopeo: sync of a whole repository to another registry, with a password", async () => {
  for (const tag of ["a", "b", "c"]) {
    await clients.skopeo("copy", insecure.to, `docker-archive:${archive}`, `docker://${registry.host}/sync/app:${tag}`);
  }
  const options = [
    "--src",
    "docker",
    "--dest",
    "docker",
    insecure.from,
    insecure.to,
    "--dest-creds",
    clients.credentials,
  ];
  await clients.skopeo("sync", ...options, `${registry.host}/sync/app`, `${locked.host}/mirrored`);
  assert.deepEqual(jsonOf(await locked.send("GET", "/v2/mirrored/app/tags/list")), {
    name: "mirrored/app",
    tags: ["a", "b", "c"],
  });
  const target = folder("synced");
  const back = ["--src", "docker", "--dest", "dir", insecure.from, "--src-creds", clients.credentials];
  await clients.skopeo("sync", ...back, `${locked.host}/mirrored/app`, target);
  assert.deepEqual(readdirSync(target).toSorted(), ["app:a", "app:b", "app:c"]);
});

test("umoci: an image layout from the registry is unpacked, changed, and pushed back", async () => {
  const layout = join(directory.path, "layout");
  const name = `docker://${registry.host}/umoci/app`;
  await clients.skopeo("copy", insecure.to, "--format", "oci", `docker-archive:${archive}`, `${name}:1`);
  await clients.skopeo("copy", insecure.from, `${name}:1`, `oci:${layout}:1`);
  const bundle = join(directory.path, "bundle");
  await clients.umoci("unpack", "--image", `${layout}:1`, bundle);
  assert.ok(existsSync(join(bundle, "rootfs/payload")));
  writeFileSync(join(bundle, "rootfs/added"), "by umoci");
  await clients.umoci("repack", "--image", `${layout}:2`, bundle);
  await clients.skopeo("copy", insecure.to, `oci:${layout}:2`, `${name}:2`);
  const manifest = jsonOf<{ layers: unknown[] }>(await registry.send("GET", "/v2/umoci/app/manifests/2"));
  assert.equal(manifest.layers.length, 3);
  const second = join(directory.path, "layout-2");
  await clients.skopeo("copy", insecure.from, `${name}:2`, `oci:${second}:2`);
  await clients.umoci("unpack", "--image", `${second}:2`, join(directory.path, "bundle-2"));
  assert.equal(readFileSync(join(directory.path, "bundle-2/rootfs/added"), "utf8"), "by umoci");
});

test("podman: pushes and pulls, with a password too", async () => {
  await clients.podman("load", "-i", archive);
  const name = `${locked.host}/podman/app:1`;
  const options = ["--tls-verify=false", "--creds", clients.credentials];
  await clients.podman("push", ...options, "clients:1", `docker://${name}`);
  const pushed = expectStatus(await locked.send("GET", "/v2/podman/app/manifests/1"), 200);
  const { config } = jsonOf<{ config: { digest: string } }>(pushed);
  assert.equal(config.digest, image.id);
  await clients.podman("rmi", "-f", "clients:1");
  await clients.podman("pull", ...options, name);
  const inspected = JSON.parse(await clients.podman("image", "inspect", name)) as { Id: string; Digest: string }[];
  assert.equal(`sha256:${inspected[0]?.Id}`, image.id);
  assert.equal(inspected[0]?.Digest, digestOf(pushed.body));
  await clients.podman("rmi", "-f", name);
});

test("all of them work through a cache", async () => {
  const remoteurl = `http://${registry.host}`;
  await using cache = await startRegistry({ config: { proxy: { remoteurl } } });
  const name = `docker://${registry.host}/cached/app:1`;
  await clients.skopeo("copy", insecure.to, `docker-archive:${archive}`, name);
  const [direct, cached] = [folder("direct"), folder("cached")];
  await clients.skopeo("copy", insecure.from, name, `dir:${direct}`);
  await clients.skopeo("copy", insecure.from, `docker://${cache.host}/cached/app:1`, `dir:${cached}`);
  assert.deepEqual(readdirSync(cached).toSorted(), readdirSync(direct).toSorted());
  assert.deepEqual(readFileSync(join(cached, "manifest.json")), readFileSync(join(direct, "manifest.json")));
  await clients.podman("pull", "--tls-verify=false", `${cache.host}/cached/app:1`);
  await clients.podman("rmi", "-f", `${cache.host}/cached/app:1`);
});
