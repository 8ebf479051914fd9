// `berth registry serve` and `bin/berth-registry` as people start them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { runProgram } from "../support/docker.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const bin = join(import.meta.dirname, "../../bin");
const env = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  BERTH_HOST: "unix:///nowhere.sock",
};

interface Running extends AsyncDisposable {
  address: string;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const start = async (argv: string[], more: NodeJS.ProcessEnv = {}): Promise<Running> => {
  const [program = "", ...args] = argv;
  const child = spawn(join(bin, program), args, { stdio: ["ignore", "ignore", "pipe"], env: { ...env, ...more } });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  const seen: string[] = [];
  const address = await new Promise<string>((resolve, reject) => {
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      seen.push(line);
      const found = /listening on (\S+?)"?$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    lines.on("close", () => reject(new Error(seen.join("\n"))));
  });
  return {
    address,
    end,
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
};

test("berth registry serve: one line is a registry on 127.0.0.1:5000", async () => {
  using directory = temporaryDirectory();
  const root = join(directory.path, "data");
  await using running = await start(["berth", "registry", "serve", "--root", root]);
  assert.equal(running.address, "127.0.0.1:5000");
  assert.equal((await fetch("http://127.0.0.1:5000/v2/")).status, 200);
  assert.equal(statSync(root).mode & 0o777, 0o700);
  assert.equal(await running.end("SIGTERM"), 0);
  await assert.rejects(fetch("http://127.0.0.1:5000/v2/"));
});

test("flags win over the environment, that over the file", async () => {
  using directory = temporaryDirectory();
  const config = join(directory.path, "config.yml");
  const yaml = [
    "version: 0.1",
    "log:",
    "  fields: {service: registry}",
    "storage:",
    "  cache: {blobdescriptor: inmemory}",
    `  filesystem: {rootdirectory: ${directory.path}/file}`,
    "http:",
    "  addr: 127.0.0.1:1",
    "  headers: {X-Content-Type-Options: [nosniff]}",
    "health:",
    "  storagedriver: {enabled: true, interval: 10s}",
    "",
  ].join("\n");
  writeFileSync(config, yaml);
  const environment = {
    REGISTRY_HTTP_ADDR: "127.0.0.1:2",
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(directory.path, "environment"),
    REGISTRY_STORAGE_DELETE_ENABLED: "true",
  };
  await using running = await start(["berth-registry", "serve", config, "--addr", "127.0.0.1:0"], environment);
  assert.match(running.address, /^127\.0\.0\.1:\d{4,5}$/);
  assert.ok(existsSync(join(directory.path, "environment/lock")));
  assert.ok(!existsSync(join(directory.path, "file")));
  const answer = await fetch(`http://${running.address}/v2/`);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  const unknown = await fetch(`http://${running.address}/v2/a/manifests/t`, { method: "DELETE" });
  assert.equal(unknown.status, 404);
  assert.equal(await running.end("SIGINT"), 0);
});

test("berth registry gc works with and without a server", async () => {
  using directory = temporaryDirectory();
  const flags = ["--root", directory.path, "--gc-grace", "0s"];
  const gc = () => runProgram([join(bin, "berth"), "registry", "gc", ...flags], { env });
  const nothing = "removed 0 blobs of 0 bytes, 0 links, 0 manifests, 0 uploads\n";
  assert.equal((await gc()).stdout, nothing);
  await using running = await start(["berth", "registry", "serve", "--addr", "127.0.0.1:0", ...flags]);
  const path = `http://${running.address}/v2/a/blobs/uploads/?digest=sha256:`;
  const digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
  assert.equal((await fetch(path + digest, { method: "POST", body: "x" })).status, 201);
  assert.equal((await gc()).stdout, "removed 1 blobs of 1 bytes, 1 links, 0 manifests, 0 uploads\n");
});

test("help, version, and what does not fit", async () => {
  const run = (...args: string[]) => runProgram([join(bin, "berth-registry"), ...args], { env });
  const help = await run("--help");
  assert.equal(help.code, 0);
  for (const flag of ["--addr", "--root", "--htpasswd", "--proxy", "--gc-untagged"])
    assert.match(help.stdout, new RegExp(flag));
  assert.match((await run("--version")).stdout, /^Berth registry version /);
  for (const args of [
    ["--nope"],
    ["--addr"],
    ["a.yml", "b.yml"],
    ["/nowhere.yml"],
    ["--proxy", "x"],
    ["--addr", "x"],
  ]) {
    const outcome = await run(...args);
    assert.equal(outcome.code, 125, args.join(" "));
    assert.match(outcome.stderr, /See 'berth-registry --help'/);
  }
  const serve = await runProgram([join(bin, "berth"), "registry", "serve", "--nope"], { env });
  assert.equal(serve.code, 125);
  const wrong = await run("--addr", "127.0.0.1:0", "--root", join(bin, "berth/no-folder"));
  assert.equal(wrong.code, 1);
});
