import assert from "node:assert/strict";
import { test } from "node:test";
import { Query } from "../query.ts";
import { allRoutes } from "../routes/index.ts";
import type { Services } from "../../services.ts";
import { stepsFor } from "../version-step.ts";
import { versionSteps } from "./index.ts";

const query = (route: string, version: number, text: string): string => {
  const asked = new Query(text);
  for (const step of stepsFor(versionSteps, route, version)) step.query?.(asked);
  return decodeURIComponent(asked.values.toString());
};
const body = (route: string, version: number, value: object): object => {
  const own = structuredClone(value);
  for (const step of stepsFor(versionSteps, route, version)) step.body?.(own);
  return own;
};
const response = (route: string, version: number, value: unknown): any =>
  stepsFor(versionSteps, route, version)
    .toReversed()
    .reduce((answer, step) => step.response?.(answer) ?? answer, structuredClone(value));

test("every step names routes that exist", () => {
  const services = new Proxy({}, { get: () => ({}) }) as Services;
  const known = new Set(allRoutes(services).map(({ method, path }) => `${method} ${path}`));
  for (const step of versionSteps) for (const route of step.routes) assert.ok(known.has(route), route);
});

test("the newest version takes no step", () => {
  for (const step of versionSteps) assert.ok(step.version <= 51);
  assert.equal(stepsFor(versionSteps, "GET /info", 51).length, 0);
});

test("create", () => {
  const create = "POST /containers/create";
  const host = (version: number, HostConfig: object): any =>
    (body(create, version, { HostConfig }) as { HostConfig: object }).HostConfig;
  assert.deepEqual(host(51, {}), {});
  assert.deepEqual(host(40, {}), { CgroupnsMode: "host" });
  assert.deepEqual(host(39, {}), { CgroupnsMode: "host", IpcMode: "shareable" });
  assert.deepEqual(host(39, { IpcMode: "host", CgroupnsMode: "private" }), {
    IpcMode: "host",
    CgroupnsMode: "private",
  });
  assert.deepEqual(host(42, { Annotations: { a: "b" } }), {});
  assert.deepEqual(host(43, { Annotations: { a: "b" } }), { Annotations: { a: "b" } });
  assert.deepEqual(host(41, { ConsoleSize: [1, 2], Mounts: [{ Type: "tmpfs", VolumeOptions: {}, BindOptions: {} }] }), {
    Mounts: [{ Type: "tmpfs" }],
  });
  assert.deepEqual(host(43, { Mounts: [{ Type: "bind", ReadOnly: true }] }), {
    Mounts: [{ Type: "bind", ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }],
  });
  assert.deepEqual(body(create, 43, { Healthcheck: { Interval: 1, StartInterval: 2 } }), {
    Healthcheck: { Interval: 1 },
  });
  assert.throws(() => host(44, { Mounts: [{ Type: "volume", VolumeOptions: { Subpath: "x" } }] }), {
    message: "VolumeOptions.Subpath needs API v1.45 or newer",
  });
  assert.throws(
    () => body(create, 43, { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } }),
    /multiple network endpoints: a, b/,
  );
  assert.throws(() => host(47, { Mounts: [{ Type: "image" }] }), /needs API v1.48/);
  assert.equal(query(create, 40, "name=x&platform=y"), "name=x");
  assert.equal(query(create, 41, "name=x&platform=y"), "name=x&platform=y");
});

test("containers, as older clients read them", () => {
  const inspect = {
    Id: "0123456789abcdef",
    ImageManifestDescriptor: {},
    NetworkSettings: { Networks: { bridge: { Aliases: null }, n1: { Aliases: ["a"] } } },
  };
  const old = response("GET /containers/{id}/json", 44, inspect);
  assert.deepEqual(old.NetworkSettings.Networks, {
    bridge: { Aliases: null },
    n1: { Aliases: ["a", "0123456789ab"] },
  });
  assert.equal("ImageManifestDescriptor" in old, false);
  assert.deepEqual(response("GET /containers/{id}/json", 48, inspect), inspect);
  const list = [{ Id: "x", HostConfig: { NetworkMode: "bridge", Annotations: { a: "b" } } }];
  assert.deepEqual(response("GET /containers/json", 45, list), [{ Id: "x", HostConfig: { NetworkMode: "bridge" } }]);
  assert.deepEqual(response("GET /containers/json", 46, list), list);
  assert.equal(query("POST /containers/{id}/stop", 41, "t=1&signal=TERM"), "t=1");
});

test("images", () => {
  const list = [{ Id: "x", RepoTags: [], RepoDigests: [], Size: 5, Containers: 2, Descriptor: {} }];
  assert.deepEqual(response("GET /images/json", 24, list), [
    { Id: "x", RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"], Size: 5, Containers: -1, VirtualSize: 5 },
  ]);
  assert.deepEqual(response("GET /images/json", 50, list), [{ ...list[0], Containers: -1 }]);
  assert.deepEqual(response("GET /images/json", 51, list), list);
  const inspect = { Id: "x", Size: 5, Config: { Env: ["a"] }, Descriptor: {} };
  assert.deepEqual(Object.keys(response("GET /images/{name}/json", 49, inspect).Config).length, 10);
  const old = response("GET /images/{name}/json", 43, inspect);
  assert.equal(old.VirtualSize, 5);
  assert.equal(old.Created, "0001-01-01T00:00:00Z");
  assert.equal(old.ContainerConfig.Cmd, null);
  assert.equal("Descriptor" in old, false);
  assert.equal(
    query("GET /images/json", 40, 'filter=a*&filters={"dangling":["true"]}'),
    'filter=a*&filters={"dangling":["true"],"reference":["a*"]}',
  );
});

test("info", () => {
  const info = {
    MemoryLimit: true,
    SecurityOptions: ["name=seccomp,profile=builtin"],
    Runtimes: { crun: { path: "crun", status: { a: "b" } } },
    RegistryConfig: { Mirrors: null },
    RuncCommit: { ID: "1" },
    FirewallBackend: { Driver: "iptables" },
    Containerd: { Address: "" },
  };
  assert.deepEqual(response("GET /info", 51, info), info);
  assert.deepEqual(response("GET /info", 49, info), { ...info, BridgeNfIptables: false, BridgeNfIp6tables: false });
  const old = response("GET /info", 24, info);
  assert.deepEqual(old.SecurityOptions, ["seccomp"]);
  assert.deepEqual(old.Runtimes, { crun: { path: "crun" } });
  assert.equal(old.KernelMemory, true);
  assert.deepEqual(old.RuncCommit, { ID: "1", Expected: "1" });
  assert.equal(old.RegistryConfig.AllowNondistributableArtifactsCIDRs, null);
  assert.ok(!("Containerd" in old) && !("FirewallBackend" in old));
});

test("volumes pruned by older clients include named ones", () => {
  assert.equal(query("POST /volumes/prune", 41, ""), 'filters={"all":["true"]}');
  assert.equal(query("POST /volumes/prune", 42, ""), "");
});
