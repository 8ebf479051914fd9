// Containers of an engine with --userns-remap: what they see of themselves, and how it is stored.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { ranges, usePrivateEtc } from "../../support/private-etc.ts";
import { usePrivateNull } from "../../support/private-null.ts";
import { processTests } from "./process.ts";

usePrivateEtc();
usePrivateNull();
const engine = useEngine({ args: ["--userns-remap", "daemon"] });
const folder = mkdtempSync(join(tmpdir(), "berth-userns-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<string> => engine.docker.ok("run", "--rm", ...args);
const refusal = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await engine.docker.run(args);
  assert.notEqual(code, 0, `docker ${args.join(" ")} was to be refused`);
  return stderr.split("\n")[0] ?? "";
};
processTests(engine);

const mapped = `0 ${ranges.first} ${ranges.size}`;
const words = (text: string): string => text.trim().replace(/\s+/g, " ");

test("the engine says so", async () => {
  const { SecurityOptions } = await engine.api.ok<{ SecurityOptions: string[] }>("GET", "/info");
  assert.ok(SecurityOptions.includes("name=userns"), String(SecurityOptions));
});

test("published ports, DNS and links work", async () => {
  const { docker } = engine;
  await docker.ok("network", "create", "names");
  await docker.ok(
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "names",
    "-p",
    "127.0.0.1:8099:80",
    "busybox",
    "sh",
    "-c",
    "mkdir -p /www && echo web >/www/index.html && httpd -f -p 80 -h /www",
  );
  assert.equal(await run("--network", "names", "busybox", "wget", "-qO-", "http://web/"), "web");
  assert.equal(await (await fetch("http://127.0.0.1:8099/")).text(), "web\n");
  await docker.ok("network", "connect", "bridge", "web");
  assert.match(await docker.ok("exec", "web", "ip", "-o", "addr"), /eth1/);
  await docker.ok("rm", "-f", "web");
  await docker.ok("network", "rm", "names");
});

test("--userns=host turns it off, and so do what goes with it", async () => {
  assert.equal(words(await run("--userns", "host", "busybox", "cat", "/proc/self/uid_map")), "0 0 4294967295");
  assert.equal(
    words(await run("--userns", "host", "--privileged", "--network", "host", "--pid", "host", "busybox", "id", "-u")),
    "0",
  );
  const daemon = "docker: Error response from daemon: ";
  assert.equal(
    await refusal("run", "--privileged", "busybox"),
    `${daemon}privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode`,
  );
  assert.equal(
    await refusal("run", "--network", "host", "busybox"),
    `${daemon}cannot share the host's network namespace when user namespaces are enabled`,
  );
  assert.equal(
    await refusal("run", "--pid", "host", "busybox"),
    `${daemon}cannot share the host PID namespace when user namespaces are enabled`,
  );
  assert.equal(
    await refusal("run", "--security-opt", "writable-cgroups=true", "busybox"),
    `${daemon}option WritableCgroups conflicts with user namespaces and rootless mode`,
  );
});

test("what it writes is stored with its own ids, whoever looks from the host", async () => {
  const { docker, daemon } = engine;
  await docker.ok(
    "run",
    "--name",
    "writer",
    "busybox",
    "sh",
    "-c",
    "echo a >/a; chown 5:6 /a; chmod 4755 /a; rm /data/seed; mkdir /d",
  );
  const [layer = ""] = readdirSync(join(daemon.dataRoot, "overlay2")).filter(
    (name) => name.length === 64 && readdirSync(join(daemon.dataRoot, "overlay2", name, "diff")).includes("a"),
  );
  const { uid, gid, mode } = statSync(join(daemon.dataRoot, "overlay2", layer, "diff/a"));
  assert.deepEqual([uid, gid, mode & 0o7777], [5, 6, 0o4755]);
  assert.equal(await docker.ok("diff", "writer"), "A /a\nA /d\nC /data\nD /data/seed");
  await docker.ok("commit", "writer", "written");
  for (const userns of [[], ["--userns", "host"]]) {
    assert.equal(await run(...userns, "written", "stat", "-c", "%n %u:%g %a", "/a", "/d"), "/a 5:6 4755\n/d 0:0 755");
  }
  assert.match(listing("export", "writer"), /^-rwsr-xr-x 5\/6 .* a$/m);
  await docker.ok("rm", "writer");
  await docker.ok("rmi", "written");
});

/** A tar that the client writes to its stdout, listed. */
const listing = (...args: string[]): string => {
  const tar = execFileSync("docker", ["-H", `unix://${engine.daemon.socketPath}`, ...args], { maxBuffer: 1 << 28 });
  return execFileSync("tar", ["tv", "--numeric-owner"], { input: tar, encoding: "utf8", maxBuffer: 1 << 28 });
};

test("copies in and out have the ids that the container sees", async () => {
  const { docker } = engine;
  const source = join(folder, "copied");
  mkdirSync(source);
  writeFileSync(join(source, "f"), "in\n");
  const tar = execFileSync("tar", ["c", "--owner=1000", "--group=1001", "-C", source, "f"]);
  const copyIn = (...args: string[]): Buffer =>
    execFileSync("docker", ["-H", `unix://${engine.daemon.socketPath}`, "cp", ...args], { input: tar });
  await docker.ok("create", "--name", "copies", "-v", "copied:/v", "-v", `${folder}:/b`, "busybox", "sleep", "60");
  for (const started of [false, true]) {
    if (started) await docker.ok("start", "copies");
    copyIn("-", "copies:/etc");
    await docker.ok("cp", "-a", `${source}/f`, "copies:/v/f");
    assert.match(listing("cp", "copies:/etc/f", "-"), /^-rw-r--r-- 1000\/1001 /);
    assert.match(listing("cp", "copies:/v", "-"), /^-rw-r--r-- 0\/0 .* v\/f$/m);
    assert.match(listing("cp", "copies:/etc/hostname", "-"), started ? /^-rw-r--r-- 0\/0 / : /./);
    assert.match(
      listing("cp", "copies:/b/copied", "-"),
      /^-rw-r--r-- 65534\/65534 .* copied\/f$/m,
      "the host's are nobody's",
    );
    assert.match(listing("cp", "copies:/data", "-"), /^-rw-r----- 1000\/1000 .* data\/seed$/m);
  }
  assert.equal(await docker.ok("exec", "copies", "stat", "-c", "%u:%g", "/etc/f", "/v/f"), "1000:1001\n0:0");
  await docker.ok("rm", "-fv", "copies");
  await docker.ok("volume", "rm", "copied");
});

test("file capabilities hold in the container, in its image and in the copies of both", async () => {
  const { docker } = engine;
  const tools = join(folder, "tools");
  mkdirSync(tools);
  copyFileSync("/bin/busybox", join(tools, "busybox"));
  execFileSync("setcap", ["cap_net_raw+ep", join(tools, "busybox")]);
  const pull = (name: string): Buffer =>
    execFileSync("docker", ["-H", `unix://${engine.daemon.socketPath}`, "cp", `${name}:/data/busybox`, "-"], {
      maxBuffer: 1 << 26,
    });
  const archive = execFileSync("tar", ["c", "--xattrs", "--xattrs-include=*", "-C", tools, "busybox"], {
    maxBuffer: 1 << 26,
  });
  await docker.ok("run", "-d", "--name", "caps", "busybox", "sleep", "60");
  execFileSync("docker", ["-H", `unix://${engine.daemon.socketPath}`, "cp", "-", "caps:/data"], { input: archive });
  const effective = ["/data/busybox", "grep", "CapEff", "/proc/self/status"];
  const netRaw = "CapEff:\t0000000000002000";
  assert.equal(await docker.ok("exec", "-u", "1000", "caps", ...effective), netRaw);
  await docker.ok("commit", "caps", "capable");
  for (const userns of [[], ["--userns", "host"]]) {
    assert.equal(await run(...userns, "-u", "1000", "capable", ...effective), netRaw);
  }
  // 20 bytes of revision 2, effective, without a root of their own.
  const copied = pull("caps");
  const record = "SCHILY.xattr.security.capability=";
  const value = copied.subarray(copied.indexOf(record) + record.length);
  assert.equal(value.readUInt32LE(0), 0x02000001);
  assert.equal(value.toString("latin1", 20, 21), "\n");
  await docker.ok("rm", "-f", "caps");
  await docker.ok("rmi", "capable");
});

test("volumes belong to the container's root, and to that of others; binds are the host's", async () => {
  const { docker, daemon } = engine;
  assert.equal(
    await run("-v", "own:/v", "busybox", "sh", "-c", "touch /v/f; chown 7 /v/f; stat -c '%u:%g' /v /v/f"),
    "0:0\n7:0",
  );
  assert.equal(await run("-v", "own:/v", "--userns", "host", "busybox", "stat", "-c", "%u:%g", "/v/f"), "7:0");
  assert.equal(statSync(join(daemon.dataRoot, "volumes/own/_data/f")).uid, 7);
  assert.equal(await run("-v", "seeded:/data", "busybox", "stat", "-c", "%u:%g", "/data/seed"), "1000:1000");
  await run("-v", "own:/v", "busybox", "mkdir", "/v/sub");
  const sub = "type=volume,src=own,dst=/s,volume-subpath=sub";
  assert.equal(await run("--mount", sub, "busybox", "sh", "-c", "touch /s/x; stat -c '%u:%g' /s /s/x"), "0:0\n0:0");
  assert.equal(
    await run("--mount", "type=image,src=busybox,dst=/i", "busybox", "stat", "-c", "%u:%g", "/i/data/seed"),
    "1000:1000",
  );
  await docker.ok("volume", "rm", "own", "seeded");

  const bound = join(folder, "bound");
  mkdirSync(bound, { mode: 0o777 });
  execFileSync("chmod", ["777", bound]);
  assert.equal(
    await run("-v", `${bound}:/b`, "busybox", "sh", "-c", "touch /b/f; stat -c '%u:%g' /b /b/f"),
    "65534:65534\n0:0",
  );
  assert.equal(statSync(join(bound, "f")).uid, ranges.first);

  const device = join(folder, "device");
  mkdirSync(device);
  await docker.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, "elsewhere");
  assert.equal(await run("-v", "elsewhere:/data", "busybox", "stat", "-c", "%u:%g", "/data/seed"), "1000:1000");
  assert.equal(statSync(join(device, "seed")).uid, ranges.first + 1000, "a volume from elsewhere has the host's ids");
  await docker.ok("volume", "rm", "elsewhere");
});

test("containers that share namespaces share the user namespace", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "pod", "--ipc", "shareable", "busybox", "sleep", "60");
  const userOf = (...args: string[]): Promise<string> => run(...args, "busybox", "readlink", "/proc/self/ns/user");
  const pod = await docker.ok("exec", "pod", "readlink", "/proc/self/ns/user");
  assert.equal(await userOf("--network", "container:pod", "--pid", "container:pod", "--ipc", "container:pod"), pod);
  assert.equal(await userOf("--ipc", "container:pod"), pod, "with a network of its own");
  assert.notEqual(await userOf(), pod, "others have their own");
  assert.equal(
    await run("--ipc", "container:pod", "busybox", "sh", "-c", "echo x >/dev/shm/x && stat -c %u /dev/shm/x"),
    "0",
  );
  await docker.ok("run", "-d", "--name", "open", "--userns", "host", "busybox", "sleep", "60");
  assert.match(await refusal("run", "--network", "container:open", "busybox"), /it is in another user namespace$/);
  await docker.ok("rm", "-f", "pod", "open");
});

test("a restarted container, health checks, stats and limits", async () => {
  const { docker } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "long",
    "--memory",
    "64m",
    "--health-cmd",
    "test $(id -u) = 0",
    "--health-interval",
    "100ms",
    "busybox",
    "sh",
    "-c",
    "echo run >>/runs; sleep 60",
  );
  for (
    const end = Date.now() + 10_000;
    (await docker.ok("inspect", "-f", "{{.State.Health.Status}}", "long")) !== "healthy";
  ) {
    assert.ok(Date.now() < end, "it becomes healthy");
  }
  await docker.ok("restart", "-t", "0", "long");
  assert.equal(await docker.ok("exec", "long", "cat", "/runs"), "run\nrun");
  assert.match(await docker.ok("stats", "--no-stream", "--format", "{{.MemUsage}}", "long"), /\/ 64MiB$/);
  assert.match(await docker.ok("top", "long"), new RegExp(`^${ranges.first} `, "m"));
  await docker.ok("pause", "long");
  await docker.ok("unpause", "long");
  await docker.ok("rm", "-f", "long");
});

test("a daemon that was killed finds everything again", async () => {
  const { docker, daemon } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "survivor",
    "-v",
    "kept:/v",
    "-p",
    "127.0.0.1:8098:80",
    "busybox",
    "sh",
    "-c",
    "mkdir -p /www && echo still >/www/index.html && httpd -f -p 80 -h /www",
  );
  await docker.ok("create", "--name", "idle", "busybox", "true");
  await daemon.killAndStart();
  assert.equal(await (await fetch("http://127.0.0.1:8098/")).text(), "still\n");
  assert.equal(words(await docker.ok("exec", "survivor", "cat", "/proc/self/uid_map")), mapped);
  assert.match(listing("cp", "survivor:/www", "-"), /^-rw-r--r-- 0\/0 .* www\/index.html$/m);
  await docker.ok("exec", "survivor", "touch", "/v/later");
  await docker.ok("restart", "-t", "0", "survivor");
  assert.equal(await docker.ok("exec", "survivor", "stat", "-c", "%u", "/v/later"), "0");
  await docker.ok("rm", "-f", "survivor", "idle");
  await docker.ok("volume", "rm", "kept");
});
