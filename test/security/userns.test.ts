// What root of a container with a user namespace can do to the host and to other containers: inside it, and as the
// process that has broken out of it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { useEngine } from "../support/engine.ts";
import { ranges, usePrivateEtc } from "../support/private-etc.ts";
import { usePrivateNull } from "../support/private-null.ts";

usePrivateEtc();
usePrivateNull();
const engine = useEngine({ args: ["--userns-remap", "daemon"] });
const folder = mkdtempSync(join(tmpdir(), "berth-userns-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program as a user of the host; by a shell, since setpriv itself still has its capabilities when it executes. */
const asUser = (uid: number, ...argv: string[]): { code: number | null; output: string } => {
  const id = String(uid);
  const who = ["--reuid", id, "--regid", id, "--clear-groups"];
  const { status, stdout, stderr } = spawnSync("setpriv", [...who, "sh", "-c", 'exec "$@"', "sh", ...argv], {
    encoding: "utf8",
  });
  return { code: status, output: stdout + stderr };
};
/** As the host's user that a container's root is. */
const asEscaped = (...argv: string[]): ReturnType<typeof asUser> => asUser(ranges.first, ...argv);
const failsAsEscaped = (words: RegExp, ...argv: string[]): void => {
  const { code, output } = asEscaped(...argv);
  assert.notEqual(code, 0, `${argv.join(" ")}: ${output}`);
  assert.match(output, words, argv.join(" "));
};
const everything = [
  "--cap-add",
  "ALL",
  "--security-opt",
  "seccomp=unconfined",
  "--security-opt",
  "systempaths=unconfined",
];

test("a bind of root's files is not root's in the container, whatever capabilities it has", async () => {
  mkdirSync(join(folder, "bind"));
  const open = join(folder, "bind/open");
  writeFileSync(open, "canary\n", { mode: 0o644 });
  writeFileSync(join(folder, "bind/secret"), "secret\n", { mode: 0o600 });
  const script = `cd /b; cat open
    for attack in "cat secret" "chmod 777 secret" "chown 0 secret" "rm -f open" "mv open gone" "touch new" "ln open link"; do
      $attack 2>/dev/null && echo "done: $attack"
    done
    (echo broken >open) 2>/dev/null && echo written
    true`;
  assert.equal(
    await engine.docker.ok("run", "--rm", ...everything, "-v", `${folder}/bind:/b`, "busybox", "sh", "-c", script),
    "canary",
  );
  assert.equal(readFileSync(open, "utf8"), "canary\n");
  assert.deepEqual(readdirSync(join(folder, "bind")).toSorted(), ["open", "secret"]);
});

test("the host's kernel is not the container's, whatever capabilities it has", async () => {
  const settings = ["kernel/core_pattern", "vm/overcommit_memory", "kernel/printk"];
  const before = settings.map((name) => readFileSync(`/proc/sys/${name}`, "utf8"));
  const script = `for name in ${settings.join(" ")}; do (echo 0 >/proc/sys/$name) 2>/dev/null && echo "wrote $name"; done
    (echo h >/proc/sysrq-trigger) 2>/dev/null && echo sysrq
    mknod /tmp/disk b 254 0 2>/dev/null && echo mknod
    mount -t ext4 /dev/vda /mnt 2>/dev/null && echo mounted
    (echo 1 >/sys/fs/cgroup/memory/memory.limit_in_bytes) 2>/dev/null && echo cgroup
    chmod 0 /dev/null 2>/dev/null && echo null
    dd if=/dev/mem bs=1 count=1 2>/dev/null | grep -q . && echo memory
    true`;
  assert.equal(await engine.docker.ok("run", "--rm", ...everything, "busybox", "sh", "-c", script), "");
  assert.deepEqual(
    settings.map((name) => readFileSync(`/proc/sys/${name}`, "utf8")),
    before,
  );
  await engine.docker.ok("run", "--rm", "-t", "busybox", "true");
  const { uid, gid, mode } = statSync("/dev/null");
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o666]);
});

test("who has broken out finds no file of root's with the setuid bit, and no image, volume or database", async () => {
  const { docker, daemon } = engine;
  const script = "for d in /s /v; do mkdir -p $d; cp /bin/busybox $d/busybox; chmod 6755 $d/busybox; done && sleep 60";
  await docker.ok("run", "-d", "--name", "planter", "-v", "planted:/v", "busybox", "sh", "-c", script);
  for (const end = Date.now() + 5000; (await docker.run(["exec", "planter", "test", "-u", "/v/busybox"])).code !== 0;) {
    assert.ok(Date.now() < end);
  }
  const id = await docker.ok("inspect", "-f", "{{.Id}}", "planter");
  const key = readdirSync(join(daemon.execRoot, "userns"))[0] ?? "";
  const layers = join(daemon.execRoot, "userns", key, "layers/root");
  const denied = /Permission denied/;
  for (const path of [
    join(daemon.dataRoot, "overlay2", id, "diff/s/busybox"),
    join(daemon.dataRoot, "overlay2", id, "merged/s/busybox"),
    join(daemon.dataRoot, "volumes/planted/_data/busybox"),
    join(daemon.dataRoot, "containers", id, "mounts/pin-0/busybox"),
    join(layers, id, "diff/s/busybox"),
  ]) {
    execFileSync("test", ["-u", path]);
    failsAsEscaped(denied, path, "id", "-u");
  }
  failsAsEscaped(denied, "cat", join(daemon.dataRoot, "engine.db"));
  failsAsEscaped(denied, "ls", join(daemon.dataRoot, "containers"));
  failsAsEscaped(denied, "ls", join(daemon.execRoot, "userns", key, "layers"));
  failsAsEscaped(denied, "ls", join(daemon.execRoot, "containers", id));
  // The one way in shows its files as those of the container's root.
  const root = join(daemon.execRoot, "userns", key, "roots", id);
  assert.equal(asEscaped("stat", "-c", "%u %a", join(root, "s/busybox")).output.trim(), `${ranges.first} 6755`);
  assert.notEqual(asUser(65_533, "stat", join(root, "s/busybox")).code, 0, "and no other user of the host has one");
  await docker.ok("rm", "-f", "planter");
  await docker.ok("volume", "rm", "planted");
});

test("containers do not reach one another's processes, networks and memory", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "victim", "--ipc", "private", "busybox", "sleep", "60");
  const pid = await docker.ok("inspect", "-f", "{{.State.Pid}}", "victim");
  const enter = (kind: string): { code: number | null; output: string } =>
    asEscaped("nsenter", `--${kind}=/proc/${pid}/ns/${kind}`, "true");
  for (const kind of ["user", "net", "ipc", "mnt", "pid", "uts"]) assert.notEqual(enter(kind).code, 0, kind);
  const of = (name: string): Promise<string> =>
    docker.ok("exec", name, "sh", "-c", "readlink /proc/self/ns/user; readlink /proc/self/ns/net");
  await docker.ok("run", "-d", "--name", "attacker", ...everything, "busybox", "sleep", "60");
  const [victim, attacker] = [await of("victim"), await of("attacker")];
  for (const line of victim.split("\n")) assert.ok(!attacker.includes(line), "a namespace of each container's own");
  await docker.ok("rm", "-f", "victim", "attacker");
});
