// `berth`'s commands for images and credentials beside the stock docker CLI's, on one engine: the same words, columns and
// exit codes.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { busyboxArchive } from "../support/busybox-image.ts";
import { Daemon } from "../support/daemon.ts";
import { Docker, type Outcome, type RunOptions, runProgram } from "../support/docker.ts";
import { busyboxLayer, layerOf } from "../support/image.ts";
import { attestationOf, imageFor, indexOf, putIndex } from "../support/index-image.ts";
import { registryPassword, registryUser, startRegistry, type TestRegistry } from "../support/registry.ts";
import { stockClient } from "./client.ts";
import { tar } from "../support/raw-tar.ts";

const program = join(import.meta.dirname, "../../bin/berth");
const host = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
const other = { os: "linux", architecture: process.arch === "arm64" ? "amd64" : "arm64" };
const hostImage = imageFor(host, { layers: [busyboxLayer()] });
const otherImage = imageFor(other, { layers: [layerOf([{ name: "other", content: "o" }])] });
const index = indexOf([
  { image: hostImage, platform: host, attestation: attestationOf(hostImage, ["https://spdx.dev/Document"]) },
  { image: otherImage, platform: other },
]);

let daemon: Daemon;
let docker: Docker;
let registry: TestRegistry;
let closed: TestRegistry;
let home: string;

/** As a user with a home of their own. */
const berth = (args: string[], options: RunOptions = {}, env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  runProgram([program, "-H", `unix://${daemon.socketPath}`, ...args], {
    ...options,
    env: { PATH: process.env["PATH"], HOME: home, ...env },
  });

const asDocker = (text: string): string => text.replaceAll("berth", "docker");

/** Both do the same to an engine that the command does not change. */
const same = async (...args: string[]): Promise<Outcome> => {
  const [ours, theirs] = [await berth(args), await docker.run(args)];
  const shown = (outcome: Outcome): Outcome => ({ ...outcome, stderr: asDocker(outcome.stderr) });
  assert.deepEqual(shown(ours), theirs, args.join(" "));
  return ours;
};

before(async () => {
  daemon = await Daemon.start();
  docker = new Docker(daemon.socketPath);
  registry = await startRegistry();
  closed = await startRegistry({ password: true });
  home = join(daemon.folder, "home");
  mkdirSync(home);
  const archive = join(daemon.folder, "busybox.tar");
  writeFileSync(archive, busyboxArchive());
  assert.equal((await berth(["load", "-q", "-i", archive])).stdout, "Loaded image: busybox:latest\n");
  await putIndex(registry, index, "team/multi", "1");
});

after(async () => {
  docker?.[Symbol.dispose]();
  await registry?.[Symbol.asyncDispose]();
  await closed?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

test("pull, of one platform and of all; the tree shows both", async () => {
  const name = `${registry.host}/team/multi:1`;
  const pulled = await berth(["pull", name]);
  assert.deepEqual([pulled.code, pulled.stderr], [0, ""]);
  assert.ok(pulled.stdout.endsWith(`Status: Downloaded newer image for ${name}\n${name}\n`), pulled.stdout);
  assert.equal((await berth(["pull", "-q", name])).stdout, `${name}\n`);
  const one = await berth(["images", "--tree"]);
  assert.match(one.stdout, new RegExp(`─ linux/${other.architecture} .* 0B +0B +not here\n`));
  const all = await berth(["pull", "--all-platforms", name]);
  assert.deepEqual([all.code, all.stderr], [0, ""]);
  assert.doesNotMatch((await berth(["images", "--tree"])).stdout, /not here/);
  const { stdout } = await docker.run(["pull", "--platform", "all", name]);
  assert.match(stdout, /Image is up to date/);
  const [document] = JSON.parse(
    (await berth(["image", "inspect", "--platform", `linux/${other.architecture}`, name])).stdout,
  );
  assert.equal(document.Id, otherImage.id);
  const run = await berth(["run", "--rm", "--platform", `linux/${host.architecture}`, name, "echo", "here"]);
  assert.deepEqual(run, { code: 0, stdout: "here\n", stderr: "" });
  const twice = await berth(["pull", "--all-platforms", "--platform", "linux", name]);
  assert.deepEqual([twice.code, twice.stderr], [1, "conflicting options: --all-platforms and --platform\n"]);
  const tagged = await berth(["pull", "-a", name]);
  assert.deepEqual([tagged.code, tagged.stderr], [1, "tag can't be used with --all-tags/-a\n"]);
  const every = await berth(["pull", "-a", `${registry.host}/team/multi`]);
  assert.equal(every.code, 0, every.stderr);
  const missing = await berth(["pull", `${registry.host}/team/none`]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^Error response from daemon: /);
});

test("lists, history and inspect say what docker's say", async () => {
  await berth(["tag", "busybox", "busybox:other"]);
  const listings = [
    [],
    ["-a"],
    ["-q"],
    ["-q", "--no-trunc"],
    ["--no-trunc"],
    ["--digests"],
    ["busybox"],
    ["busy*"],
    ["none"],
    ["-f", "dangling=true"],
    ["--filter", "label=maker=test"],
    ["--filter", "before=busybox"],
    ["--filter", "since=busybox"],
    ["--filter", "nope=1"],
    ["--format", "{{.ID}} {{.Repository}}:{{.Tag}} {{.Size}} {{.CreatedSince}}|{{.CreatedAt}}"],
    ["--format", "table {{.Repository}}\t{{.Digest}}\t{{.SharedSize}} {{.UniqueSize}}"],
    ["--format", "table {{.ID}}\\t{{.Tag}}"],
    ["--format", "{{json .ID}}{{upper .Repository}}"],
    ["--format", "{{.Repository"],
  ];
  for (const args of listings) await same("images", ...args);
  const lines = (text: string): object[] =>
    text
      .trim()
      .split("\n")
      // How many containers there are an older client does not ask.
      .map((line) => ({ ...(JSON.parse(line) as object), Containers: "" }));
  const asJson = ["images", "--format", "json", "busybox"];
  assert.deepEqual(lines((await berth(asJson)).stdout), lines((await docker.run(asJson)).stdout));
  for (const args of [
    [],
    ["-q"],
    ["--no-trunc"],
    ["-H=false"],
    ["--format", "{{.ID}}{{.CreatedAt}} {{.CreatedBy}}{{.Comment}}"],
    ["--platform", "linux/s390x"],
  ])
    await same("history", ...args, "busybox");
  for (const args of [
    ["-f", "{{.Id}} {{.RepoTags}} {{json .Config.Env}}", "busybox"],
    ["-f", "{{range .RootFS.Layers}}{{.}} {{end}}{{len .RepoTags}}", "busybox"],
    ["-f", "{{.Id}}", "none"],
    ["busybox", "none"].slice(1),
    ["-f", "{{.Id", "busybox"],
  ])
    await same("image", "inspect", ...args);
  const [ours, their] = await Promise.all([
    berth(["image", "inspect", "busybox"]),
    docker.run(["image", "inspect", "busybox"]),
  ]);
  assert.deepEqual(JSON.parse(ours.stdout), JSON.parse(their.stdout));
});

test("search says what docker's says", async () => {
  for (const args of [
    [`${registry.host}/team`],
    [`${registry.host}/none`],
    ["--format", "{{.Name}} {{.StarCount}}{{.IsOfficial}}", `${registry.host}/team`],
    ["--limit", "1", "--no-trunc", `${registry.host}/team`],
    ["--filter", "nope=1", `${registry.host}/team`],
  ])
    await same("search", ...args);
});

test("wrong uses have docker's exit codes", async () => {
  for (const args of [
    ["rmi"],
    ["tag", "a"],
    ["history"],
    ["image", "prune", "x"],
    ["images", "a", "b"],
    ["import"],
    ["save"],
  ]) {
    const [ours, theirs] = [await berth(args), await docker.run(args)];
    assert.deepEqual(
      [ours.code, asDocker(ours.stderr).split("\n")[0]],
      [theirs.code, theirs.stderr.split("\n")[0]],
      args.join(" "),
    );
  }
  await same("rmi", "none");
  await same("rmi", "-f", "none");
  await same("rmi", "none", "nope:1");
  await same("tag", "none", "x");
  await same("tag", "busybox", "UPPER");
});

test("tag, save, load, import, rmi, prune", async () => {
  const file = join(daemon.folder, "saved.tar");
  assert.deepEqual(await berth(["tag", "busybox", "mine:2"]), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await berth(["save", "-o", file, "mine:2"]), { code: 0, stdout: "", stderr: "" });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const streamed = await runProgram([
    "/bin/sh",
    "-c",
    `exec ${program} -H unix://${daemon.socketPath} save mine:2 | wc -c`,
  ]);
  assert.equal(Number(streamed.stdout), statSync(file).size);
  assert.deepEqual(await berth(["rmi", "mine:2"]), { code: 0, stdout: "Untagged: mine:2\n", stderr: "" });
  assert.equal((await berth(["load", "-i", file])).stdout, "Loaded image: mine:2\n");
  assert.equal((await berth(["load"], { input: readFileSync(file) })).stdout, "Loaded image: mine:2\n");
  const none = await berth(["load", "-i", "/nonexistent"]);
  assert.deepEqual([none.code, none.stderr], [1, "open /nonexistent: no such file or directory\n"]);
  const root = join(daemon.folder, "root.tar");
  writeFileSync(root, tar([{ name: "a", content: "b" }]));
  const imported = await berth(["import", "-c", "CMD x", "-m", "why", root, "made:1"]);
  assert.match(imported.stdout, /^sha256:[0-9a-f]{64}\n$/);
  assert.equal(
    (await berth(["image", "inspect", "-f", "{{.Config.Cmd}} {{.Comment}}", "made:1"])).stdout,
    "[/bin/sh -c x] why\n",
  );
  assert.match((await berth(["import", "-"], { input: readFileSync(root) })).stdout, /^sha256:/);
  const asked = await berth(["image", "prune"], { input: "n\n" });
  assert.deepEqual([asked.code, asked.stderr], [1, "image prune has been cancelled\n"]);
  assert.match(
    asked.stdout,
    /^WARNING! This will remove all dangling images\.\nAre you sure you want to continue\? \[y\/N\] /,
  );
  const pruned = await berth(["image", "prune"], { input: "y\n" });
  assert.match(
    pruned.stdout,
    /Deleted Images:\ndeleted: sha256:[0-9a-f]{64}\n\nTotal reclaimed space: 0B\n$|Deleted Images:\ndeleted: sha256:/,
  );
  const removed = await berth(["image", "rm", "made:1", "none", "mine:2"]);
  assert.equal(removed.code, 1);
  assert.match(
    removed.stdout,
    /^Untagged: made:1\nDeleted: sha256:[0-9a-f]{64}\nDeleted: sha256:[0-9a-f]{64}\nUntagged: mine:2\n$/,
  );
  assert.equal(removed.stderr, "Error response from daemon: No such image: none:latest\n");
  const platform = ["rmi", "--platform", `linux/${other.architecture}`, `${registry.host}/team/multi:1`];
  assert.match((await berth(platform)).stdout, new RegExp(`^Deleted: ${otherImage.id}\n`));
});

test("login, push, pull and logout with Docker's file, both clients' the same", async () => {
  const password = { input: `${registryPassword}\n` };
  const login = ["login", "-u", registryUser, "--password-stdin", closed.host];
  const ours = await berth(login, password);
  const theirs = await docker.run(login, password);
  const file = join(home, ".docker/config.json");
  const theirFile = join(String(docker.env["DOCKER_CONFIG"]), "config.json");
  assert.deepEqual({ ...ours, stderr: ours.stderr.replace(file, theirFile) }, theirs);
  assert.equal(readFileSync(file, "utf8"), readFileSync(theirFile, "utf8"));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const wrong = ["login", "-u", registryUser, "--password-stdin", closed.host];
  const [no, theirNo] = [await berth(wrong, { input: "x" }), await docker.run(wrong, { input: "x" })];
  assert.deepEqual([no.code, no.stderr], [theirNo.code, theirNo.stderr]);
  const name = `${closed.host}/team/mine:1`;
  await berth(["tag", "busybox", name]);
  const pushed = await berth(["push", name]);
  assert.deepEqual([pushed.code, pushed.stderr], [0, ""]);
  assert.match(pushed.stdout, new RegExp(`^The push refers to repository \\[${closed.host}/team/mine\\]\n`));
  assert.match(pushed.stdout, /1: digest: sha256:[0-9a-f]{64} size: \d+\n$/);
  assert.equal((await berth(["push", "-q", name])).stdout, `${name}\n`);
  await berth(["rmi", name]);
  assert.equal((await berth(["pull", name])).code, 0);
  assert.equal((await docker.run(["pull", name])).code, 0);
  const out = ["logout", closed.host];
  const [bye, theirBye] = [await berth(out), await docker.run(out)];
  assert.deepEqual(bye, theirBye);
  assert.equal(readFileSync(file, "utf8"), readFileSync(theirFile, "utf8"));
  assert.equal((await berth(["pull", name])).code, 1);
  const bare = await berth(["login", "-u", "x", closed.host]);
  const theirBare = await docker.run(["login", "-u", "x", closed.host]);
  assert.deepEqual(bare, theirBare);
});

test("login asks on a terminal, and shows no password", async () => {
  const asked = async (command: string, config: string): Promise<string> => {
    const typed = `{ sleep 1; printf '${registryUser}\\n'; sleep 1; printf '${registryPassword}\\n'; sleep 1; }`;
    const shell = ["/bin/sh", "-c", `${typed} | script -qec "${command} login ${closed.host}" /dev/null`];
    const env = { PATH: docker.env["PATH"], DOCKER_CONFIG: config, TERM: "xterm" };
    const { code, stdout } = await runProgram(shell, { env });
    assert.equal(code, 0, stdout);
    return stdout.replaceAll(config, "<config>");
  };
  const [ours, theirs] = ["ours", "theirs"].map((name) => join(daemon.folder, name)) as [string, string];
  const host = `-H unix://${daemon.socketPath}`;
  const shown = await asked(`${program} ${host}`, ours);
  assert.equal(shown, await asked(`${join(stockClient().folder, "docker")} ${host}`, theirs));
  assert.ok(shown.includes(`Username: ${registryUser}`) && !shown.includes(registryPassword), shown);
  assert.equal(readFileSync(join(ours, "config.json"), "utf8"), readFileSync(join(theirs, "config.json"), "utf8"));
});

test("a credential helper keeps what the file does not", async () => {
  const bin = join(daemon.folder, "bin");
  const kept = join(daemon.folder, "kept");
  mkdirSync(bin);
  const script = `#!/bin/sh
case $1 in
  store) cat > ${kept} ;;
  get) cat >/dev/null; [ -e ${kept} ] || { echo "credentials not found in native keychain"; exit 1; }; cat ${kept} ;;
  erase) cat >/dev/null; rm -f ${kept} ;;
esac
`;
  writeFileSync(join(bin, "docker-credential-test"), script);
  chmodSync(join(bin, "docker-credential-test"), 0o755);
  const folder = join(daemon.folder, "helped");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify({ credsStore: "test", other: { stays: true } }));
  const env = { DOCKER_CONFIG: folder, PATH: `bin:${bin}:${process.env["PATH"]}` };
  const login = ["login", "-u", registryUser, "--password-stdin", closed.host];
  const done = await berth(login, { input: registryPassword }, env);
  assert.deepEqual(done, { code: 0, stdout: "Login Succeeded\n", stderr: "" });
  assert.deepEqual(JSON.parse(readFileSync(kept, "utf8")), {
    ServerURL: closed.host,
    Username: registryUser,
    Secret: registryPassword,
  });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  assert.deepEqual(config, { credsStore: "test", other: { stays: true }, auths: { [closed.host]: {} } });
  assert.equal((await berth(["pull", "-q", `${closed.host}/team/mine:1`], {}, env)).code, 0);
  assert.equal((await berth(["logout", closed.host], {}, env)).code, 0);
  assert.notEqual((await berth(["pull", "-q", `${closed.host}/team/mine:1`], {}, env)).code, 0);
  const gone = await berth(["pull", "-q", "x"], {}, { ...env, PATH: "bin:/usr/bin:/bin" });
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /docker-credential-test": executable file not found in \$PATH/);
});
