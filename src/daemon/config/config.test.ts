import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { helpText } from "./help.ts";
import { applyReload, defaultConfig, loadConfig } from "./load.ts";
import { options, unsupported } from "./option.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "daemon.json");
const nowhere = ["--config-file", join(folder, "empty.json")];
writeFileSync(join(folder, "empty.json"), "{}");

const withFile = (content: unknown, ...argv: string[]) => {
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return loadConfig([...argv, "--config-file", path]);
};
const refusal = (message: string) => ({
  message: `unable to configure the Docker daemon with file ${path}: ${message}`,
});

test("flags in every form", () => {
  const { config } = loadConfig([
    ...nowhere,
    "-H",
    "unix:///a",
    "--host=tcp://127.0.0.1:1",
    "-Hunix:///b",
    "-D",
    "--icc=false",
    "--data-root",
    "/d",
    "--log-opt",
    "max-size=1m",
    "--log-opt=max-file=3",
    "-btest0",
    "--default-ulimit",
    "nofile=1:2",
    "--default-shm-size=1g",
    "--default-address-pool",
    "base=10.0.0.0/8,size=24",
    "--add-runtime",
    "x=/usr/bin/x",
    "--exec-opt",
    "native.cgroupdriver=systemd",
    "--claim-docker-names",
  ]);
  assert.deepEqual(config.hosts, ["unix:///a", "tcp://127.0.0.1:1", "unix:///b"]);
  assert.equal(config.debug, true);
  assert.equal(config.network.icc, false);
  assert.equal(config.dataRoot, "/d");
  assert.deepEqual(config.containers.logOptions, { "max-size": "1m", "max-file": "3" });
  assert.equal(config.network.bridge, "test0");
  assert.deepEqual(config.containers.defaultUlimits, { nofile: { Name: "nofile", Soft: 1, Hard: 2 } });
  assert.equal(config.containers.defaultShmSizeBytes, 2 ** 30);
  assert.deepEqual(config.network.addressPools, [{ base: "10.0.0.0/8", size: 24 }]);
  assert.deepEqual(config.containers.runtimes, { x: { path: "/usr/bin/x", args: [] } });
  assert.equal(config.containers.cgroupDriver, "systemd");
  assert.equal(config.claimDockerNames, true);
});

test("flags that are none", () => {
  const cases: [string[], string][] = [
    [["--foo"], "unknown flag: --foo"],
    [["-x"], "unknown shorthand flag: 'x' in -x"],
    [["--host"], "flag needs an argument: --host"],
    [["-H"], "flag needs an argument: 'H' in -H"],
    [["--mtu", "x"], 'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      ["--debug=foo"],
      'invalid argument "foo" for "-D, --debug" flag: strconv.ParseBool: parsing "foo": invalid syntax',
    ],
    [["--default-ulimit", "x"], 'invalid argument "x" for "--default-ulimit" flag: invalid ulimit argument: x'],
    [["--default-shm-size", "x"], `invalid argument "x" for "--default-shm-size" flag: invalid size: 'x'`],
    [["start"], '"berthd" accepts no arguments'],
    [["--tlsverify"], "the option --tlsverify is not supported by this engine yet"],
    [["--log-level", "loud"], "invalid logging level: loud"],
    [["--label", "a"], "bad attribute format: a"],
    [["--dns", "x"], "invalid IP address: x"],
    [
      ["--bip", "10.1.1.1/24", "-b", "x"],
      "you specified -b & --bip, mutually exclusive options. Please specify only one",
    ],
    [
      ["--registry-mirror", "x"],
      `invalid mirror: no scheme specified for "x": must use either 'https://' or 'http://'`,
    ],
    [["--max-concurrent-downloads", "-1"], "invalid max concurrent downloads: -1"],
    [
      ["--exec-opt", "native.cgroupdriver=x"],
      'invalid exec-opt: "native.cgroupdriver=x": cgroup driver must be either "cgroupfs" or "systemd"',
    ],
  ];
  for (const [argv, message] of cases) assert.throws(() => loadConfig([...nowhere, ...argv]), { message });
});

test("daemon.json", () => {
  const { config } = withFile({
    hosts: ["unix:///x"],
    debug: true,
    "log-opts": { "max-size": "2m" },
    "default-shm-size": "128M",
    "default-ulimits": { nofile: { Name: "nofile", Hard: 20, Soft: 10 } },
    runtimes: { slow: { path: "/slow", runtimeArgs: ["-v"] } },
    "default-address-pools": [{ base: "10.9.0.0/16", size: 24 }],
    proxies: { "http-proxy": "http://127.0.0.1:1" },
  });
  assert.deepEqual(config.hosts, ["unix:///x"]);
  assert.equal(config.debug, true);
  assert.deepEqual(config.containers.logOptions, { "max-size": "2m" });
  assert.equal(config.containers.defaultShmSizeBytes, 128 * 2 ** 20);
  assert.deepEqual(config.containers.defaultUlimits["nofile"], { Name: "nofile", Hard: 20, Soft: 10 });
  assert.deepEqual(config.containers.runtimes, { slow: { path: "/slow", args: ["-v"] } });
  assert.deepEqual(config.network.addressPools, [{ base: "10.9.0.0/16", size: 24 }]);
  assert.equal(config.images.httpProxy, "http://127.0.0.1:1");
  const both = withFile({ runtimes: { a: { path: "/a" } } }, "--add-runtime", "b=/b");
  assert.deepEqual(Object.keys(both.config.containers.runtimes).toSorted(), ["a", "b"]);
});

test("a daemon.json that keeps the daemon from starting", () => {
  assert.throws(
    () => withFile({ foo: 1, bar: 2 }),
    refusal("the following directives don't match any configuration option: foo, bar"),
  );
  assert.throws(
    () => withFile({ debug: true, labels: ["a=b"], hosts: ["unix:///x"] }, "-D", "--label", "c=d", "-H", "unix:///y"),
    refusal(
      "the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true), hosts: (from flag: [unix:///y], from file: [unix:///x]), labels: (from flag: [c=d], from file: [a=b])",
    ),
  );
  assert.throws(
    () => withFile({ debug: "x" }),
    refusal("invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool"),
  );
  assert.throws(
    () => withFile({ hosts: "x" }),
    refusal("invalid JSON: json: cannot unmarshal string into Go struct field Config.hosts of type []string"),
  );
  assert.throws(
    () => withFile({ "log-opts": { "max-size": 1 } }),
    refusal("invalid JSON: json: cannot unmarshal number into Go struct field Config.log-opts.max-size of type string"),
  );
  assert.throws(
    () => withFile({ "raw-logs": true }),
    refusal("the following directives are not supported by this engine yet: raw-logs"),
  );
  assert.throws(() => withFile("{bad"), /unable to configure the Docker daemon with file .*: invalid JSON: /);
  assert.throws(() => loadConfig(["--config-file", join(folder, "none.json")]), {
    message: `unable to configure the Docker daemon with file ${folder}/none.json: open ${folder}/none.json: no such file or directory`,
  });
});

test("defaults", () => {
  const config = defaultConfig();
  assert.equal(config.dataRoot, "/var/lib/berth");
  assert.equal(config.execRoot, "/run/berth");
  assert.equal(config.group, "docker");
  assert.equal(config.shutdownTimeoutSeconds, 15);
  config.hosts.push("x");
  assert.deepEqual(defaultConfig().hosts, [], "each configuration is its own");
});

test("a reload changes what may change, in place", () => {
  const config = defaultConfig();
  const { labels, images } = config;
  applyReload(config, withFile({ debug: true, labels: ["a=b"], "insecure-registries": ["x:1"], mtu: 9000 }).config);
  assert.equal(config.debug, true);
  assert.deepEqual(config.labels, ["a=b"]);
  assert.notEqual(config.labels, labels);
  assert.equal(config.images, images);
  assert.deepEqual(images.insecureRegistries, ["x:1"]);
  assert.equal(config.network.mtu, 1500);
});

test("every option is in the help, and none is both supported and not", () => {
  const help = helpText();
  for (const { flag } of options) {
    assert.ok(help.includes(`--${flag}`), flag);
    assert.ok(!unsupported.includes(flag), flag);
  }
});
