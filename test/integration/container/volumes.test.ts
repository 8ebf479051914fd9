// Volumes and bind mounts as containers see them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MS, mount as mountBind, mountTmpfs, setPropagation, umount } from "../../../src/linux/mount/mount.ts";
import { mountsBelow } from "../../../src/linux/mount/table.ts";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();
const run = (...args: string[]): Promise<string> => engine.docker.ok("run", "--rm", ...args);
const names = async (): Promise<string[]> => (await engine.docker.ok("volume", "ls", "-q")).split("\n").filter(Boolean);

test("a new volume gets the image's files with their owners, once", async () => {
  const { docker } = engine;
  assert.equal(
    await run("-v", "fresh:/data", "busybox", "sh", "-c", "stat -c '%u:%g %a' /data/seed; cat /data/seed"),
    "1000:1000 640\nseed of the image",
  );
  await docker.ok("run", "--name", "emptied", "-v", "fresh:/data", "busybox", "sh", "-c", "ls /data; rm -f /data/seed");
  await docker.ok("start", "-a", "emptied");
  assert.equal(await docker.ok("logs", "emptied"), "seed", "emptied by the user, it stays empty");
  await docker.ok("rm", "emptied");
  await docker.ok("volume", "rm", "fresh");
  assert.equal(await run("-v", "bare:/data:nocopy", "busybox", "ls", "/data"), "");
  await docker.ok("volume", "rm", "bare");
});

test("volumes keep data between containers, may be read-only, and are refused while in use", async () => {
  const { docker } = engine;
  await run("-v", "kept:/v", "busybox", "sh", "-c", "echo one >/v/file");
  assert.equal(await run("-v", "kept:/v:ro", "busybox", "cat", "/v/file"), "one");
  const written = await docker.run(["run", "--rm", "-v", "kept:/v:ro", "busybox", "touch", "/v/x"]);
  assert.match(written.stderr, /Read-only file system/);
  assert.equal(await run("--mount", "type=volume,src=kept,dst=/m,volume-subpath=", "busybox", "cat", "/m/file"), "one");
  await docker.ok("create", "--name", "user", "-v", "kept:/v", "busybox");
  const refused = await docker.run(["volume", "rm", "kept"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /volume is in use - \[[0-9a-f]{64}\]/);
  await docker.ok("rm", "-v", "user");
  assert.deepEqual(await names(), ["kept"], "a named volume outlives rm -v");
  await docker.ok("volume", "rm", "kept");
});

test("anonymous volumes go with --rm and rm -v, not with rm", async () => {
  const { docker } = engine;
  await run("-v", "/anonymous", "busybox", "touch", "/anonymous/x");
  assert.deepEqual(await names(), []);
  await docker.ok("create", "--name", "one", "-v", "/anonymous", "busybox");
  await docker.ok("rm", "one");
  assert.equal((await names()).length, 1);
  await docker.ok("volume", "prune", "-f");
  assert.deepEqual(await names(), []);
  await docker.ok("create", "--name", "two", "-v", "/anonymous", "busybox");
  await docker.ok("rm", "-v", "two");
  assert.deepEqual(await names(), []);
});

test("--volumes-from takes over mounts and their modes", async () => {
  const { docker } = engine;
  await docker.ok("create", "--name", "source", "-v", "shared:/s", "-v", "/own", "busybox");
  await run("--volumes-from", "source", "busybox", "sh", "-c", "echo from >/s/f; echo own >/own/f");
  assert.equal(await run("--volumes-from", "source:ro", "busybox", "cat", "/s/f", "/own/f"), "from\nown");
  assert.match(
    (await docker.run(["run", "--rm", "--volumes-from", "source:ro", "busybox", "touch", "/s/x"])).stderr,
    /Read-only/,
  );
  await docker.ok("rm", "-v", "source");
  await docker.ok("volume", "rm", "shared");
});

test("bind mounts: files, folders, made when missing by -v and refused by --mount, read-only, propagation of changes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-bind-"));
  try {
    writeFileSync(join(folder, "file"), "outside");
    mkdirSync(join(folder, "own"));
    chownSync(join(folder, "own"), 1000, 1000);
    chmodSync(join(folder, "own"), 0o700);
    assert.equal(await run("-v", `${folder}/file:/f:ro`, "busybox", "cat", "/f"), "outside");
    assert.equal(
      await run("-u", "app", "-v", `${folder}/own:/o`, "busybox", "sh", "-c", "echo in >/o/x; stat -c %u /o/x"),
      "1000",
    );
    assert.equal(readFileSync(join(folder, "own/x"), "utf8"), "in\n");
    await run("-v", `${folder}/made:/m`, "busybox", "true");
    assert.ok(statSync(join(folder, "made")).isDirectory());
    const refused = await engine.docker.run([
      "run",
      "--rm",
      "--mount",
      `type=bind,src=${folder}/none,dst=/m`,
      "busybox",
      "true",
    ]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /bind source path does not exist/);
    assert.ok(!existsSync(join(folder, "none")));
    assert.equal(
      await run(
        "--mount",
        "type=tmpfs,dst=/t,tmpfs-size=1m",
        "busybox",
        "sh",
        "-c",
        "df -k /t | tail -1 | awk '{print $2}'",
      ),
      "1024",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("propagation: what the host's mount must be, and that mounts spread where it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-propagation-"));
  const { docker, daemon } = engine;
  const refused = async (mount: string[], words: string): Promise<void> => {
    const { code, stderr } = await docker.run(["run", "--rm", ...mount, "busybox", "true"]);
    assert.equal(code, 125, stderr);
    assert.ok(stderr.includes(words), stderr);
  };
  mountTmpfs(folder);
  try {
    const bind = (mode: string): string[] => ["--mount", `type=bind,src=${folder},dst=/m,bind-propagation=${mode}`];
    for (const mode of ["shared", "rshared"]) {
      const words = `path ${folder} is mounted on ${folder} but it is not a shared mount`;
      await refused(["-v", `${folder}:/m:${mode}`], words);
      await refused(bind(mode), words);
    }
    for (const mode of ["slave", "rslave"])
      await refused(bind(mode), `path ${folder} is mounted on ${folder} but it is not a shared or slave mount`);
    await refused(bind("sideways"), 'invalid mount config for type "bind": invalid propagation mode: sideways');
    await refused(
      ["-v", `${daemon.dataRoot}:/m:private`],
      'must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root',
    );
    // Nobody asked for the propagation of these, so that it cannot be had is no fault.
    await run("-v", `${daemon.dataRoot}:/m`, "busybox", "true");
    await run("-v", "/:/m:ro", "busybox", "true");

    setPropagation(folder, "shared");
    mkdirSync(join(folder, "later"));
    await docker.ok("run", "-d", "--name", "slave", ...bind("rslave"), "busybox", "sleep", "100");
    await docker.ok("run", "-d", "--name", "peer", ...bind("rshared"), "busybox", "sleep", "100");
    mountTmpfs(join(folder, "later"));
    writeFileSync(join(folder, "later/file"), "spread");
    for (const name of ["slave", "peer"]) assert.equal(await docker.ok("exec", name, "cat", "/m/later/file"), "spread");
    await docker.ok("rm", "-f", "slave", "peer");
  } finally {
    for (const { target } of mountsBelow(folder)) umount(target, { detach: true });
    rmSync(folder, { recursive: true, force: true });
  }
});

test("copies see what a volume with options mounts, whether its container runs or not, and leave its mount as it was", async () => {
  const { docker, daemon } = engine;
  const host = mkdtempSync(join(tmpdir(), "berth-device-"));
  const mounts = (name: string): number => mountsBelow(join(daemon.dataRoot, "volumes", name)).length;
  try {
    mkdirSync(join(host, "device"));
    writeFileSync(join(host, "device/file"), "of the device");
    writeFileSync(join(host, "sent"), "sent");
    const bound = ["-o", "type=none", "-o", "o=bind", "-o", `device=${host}/device`];
    await docker.ok("volume", "create", ...bound, "bound");
    await docker.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "passing");
    const volumes = ["-v", "bound:/b", "-v", "passing:/p"];
    await docker.ok("create", "--name", "copied", ...volumes, "busybox", "sleep", "100");
    await docker.ok("cp", "copied:/b", join(host, "out"));
    assert.deepEqual(readdirSync(join(host, "out")), ["file"]);
    await docker.ok("cp", join(host, "sent"), "copied:/b/");
    assert.equal(readFileSync(join(host, "device/sent"), "utf8"), "sent");
    await docker.ok("cp", join(host, "sent"), "copied:/p/");
    assert.deepEqual([mounts("bound"), mounts("passing")], [0, 0]);

    await docker.ok("start", "copied");
    await docker.ok("cp", join(host, "sent"), "copied:/p/");
    assert.equal(await docker.ok("exec", "copied", "cat", "/p/sent", "/b/file"), "sentof the device");
    // Another container's copy ends while this one runs.
    await docker.ok("create", "--name", "second", ...volumes, "busybox");
    assert.match(await docker.ok("cp", "second:/p/sent", "-"), /sent/);
    assert.deepEqual([mounts("bound"), mounts("passing")], [1, 1]);
    await docker.ok("rm", "-f", "copied", "second");
    assert.deepEqual([mounts("bound"), mounts("passing")], [0, 0]);

    // Whatever left it mounted, removing the volume deletes nothing of the device.
    const data = join(daemon.dataRoot, "volumes/bound/_data");
    mountBind(join(host, "device"), data, null, MS.bind);
    await docker.ok("volume", "rm", "bound", "passing");
    assert.equal(existsSync(data), false);
    assert.deepEqual(readdirSync(join(host, "device")).toSorted(), ["file", "sent"]);
  } finally {
    rmSync(host, { recursive: true, force: true });
  }
});

test("a subpath is what it was when it was looked up, however its volume changes; copies see no more of the volume", async () => {
  const { docker, daemon } = engine;
  await docker.ok("volume", "create", "raced");
  const data = join(daemon.dataRoot, "volumes/raced/_data");
  const host = mkdtempSync(join(tmpdir(), "berth-subpath-"));
  mkdirSync(join(data, "sub"));
  writeFileSync(join(data, "sub/inside"), "");
  writeFileSync(join(data, "above"), "");
  writeFileSync(join(host, "canary"), "");
  symlinkSync(host, join(data, "other"));
  const mount = "type=volume,src=raced,dst=/x,volume-subpath=sub";
  assert.equal(await run("--mount", mount, "busybox", "ls", "/x"), "inside");
  await docker.ok("create", "--name", "copied", "--mount", mount, "busybox");
  await docker.ok("cp", "copied:/x", join(host, "copy"));
  assert.deepEqual(readdirSync(join(host, "copy")), ["inside"]);
  await docker.ok("rm", "copied");
  // Exchanges the two names for as long as it lives.
  const swap = `
    const { libc } = await import(${JSON.stringify(new URL("../../../src/linux/ffi.ts", import.meta.url).href)});
    const exchange = libc("renameat2", ["int", "str", "int", "str", "uint"]);
    const [a, b] = ["sub", "other"].map((name) => ${JSON.stringify(data)} + "/" + name);
    setInterval(() => exchange(-100, a, -100, b, 2), 1);`;
  const swapper = spawn(process.execPath, ["--input-type=module", "-e", swap], { stdio: "ignore" });
  try {
    const seen = new Set<string>();
    for (let round = 0; round < 30; round++) {
      // oxlint-disable-next-line no-await-in-loop -- one race after another
      seen.add(
        (await docker.run(["run", "--rm", "--network", "none", "--mount", mount, "busybox", "ls", "/x"])).stdout.trim(),
      );
    }
    assert.ok(seen.has("inside"), "the race was never won by the volume");
    seen.delete("inside");
    // The symlink leads nowhere in the volume: refused.
    seen.delete("");
    assert.deepEqual([...seen], []);
  } finally {
    swapper.kill("SIGKILL");
    rmSync(host, { recursive: true });
  }
  await docker.ok("volume", "rm", "raced");
});
