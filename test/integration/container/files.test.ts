// A container's files and names: diff, commit, export, cp, rename, prune.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "../../support/docker.ts";
import { useEngine } from "../../support/engine.ts";

const engine = useEngine();

test("diff shows what was changed; commit and export keep it", async () => {
  const { docker } = engine;
  await docker.ok(
    "run",
    "--name",
    "changed",
    "busybox",
    "sh",
    "-c",
    "echo new >/www/new; rm /www/index.html; echo x >>/etc/passwd",
  );
  assert.deepEqual((await docker.ok("diff", "changed")).split("\n").toSorted(), [
    "A /www/new",
    "C /etc",
    "C /etc/passwd",
    "C /www",
    "D /www/index.html",
  ]);
  await docker.ok("commit", "-m", "words", "-c", 'CMD ["cat", "/www/new"]', "-c", "ENV K=v", "changed", "kept:1");
  assert.equal(await docker.ok("run", "--rm", "kept:1"), "new");
  assert.equal(await docker.ok("run", "--rm", "kept:1", "sh", "-c", "echo $K; ls /www"), "v\nnew");
  assert.match(await docker.ok("history", "kept:1"), /words/);
  const names = await runProgram(["/bin/sh", "-c", "docker export changed | tar -t"], { env: docker.env });
  assert.match(names.stdout, /^www\/new$/m);
  assert.doesNotMatch(names.stdout, /index\.html/);
  await docker.ok("rm", "changed");
  await docker.ok("rmi", "kept:1");
});

test("cp goes both ways, with owners and through running and stopped containers", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "copied", "busybox", "sleep", "10000");
  const script =
    'cd "$(mktemp -d)" && echo one >a && docker cp a copied:/tmp/b && docker exec copied cat /tmp/b && docker cp copied:/tmp/b c && cat c && docker cp copied:/data - | tar -tv --numeric-owner && rm -r "$PWD"';
  const ran = await runProgram(["/bin/sh", "-c", script], { env: docker.env });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^one\none\n/);
  assert.match(ran.stdout, /-rw-r----- 1000\/1000 .* data\/seed/);
  await docker.ok("stop", "-t", "0", "copied");
  const stopped = await runProgram(["/bin/sh", "-c", "docker cp copied:/tmp/b - | tar -xO"], { env: docker.env });
  assert.equal(stopped.stdout, "one\n");
  await docker.ok("rm", "copied");
});

test("names: unique, changed by rename, free again at once", async () => {
  const { docker } = engine;
  await docker.ok("create", "--name", "first", "busybox");
  const taken = await docker.run(["create", "--name", "first", "busybox"]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /Conflict\. The container name "\/first" is already in use by container "[0-9a-f]{64}"/);
  await docker.ok("rename", "first", "second");
  await docker.ok("create", "--name", "first", "busybox");
  assert.match((await docker.run(["rename", "first", "second"])).stderr, /already in use/);
  await docker.ok("rm", "first", "second");
  assert.match((await docker.run(["rm", "first"])).stderr, /No such container: first/);
});

test("prune takes what does not run, and only that", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "runs", "busybox", "sleep", "10000");
  await docker.ok("run", "--name", "over", "busybox", "true");
  await docker.ok("create", "--name", "never", "--label", "keep=1", "busybox");
  await docker.ok("container", "prune", "-f", "--filter", "label!=keep");
  assert.deepEqual((await docker.ok("ps", "-a", "--format", "{{.Names}}")).split("\n").toSorted(), ["never", "runs"]);
  await docker.ok("container", "prune", "-f");
  assert.equal(await docker.ok("ps", "-a", "--format", "{{.Names}}"), "runs");
  assert.match(
    (await docker.run(["rm", "runs"])).stderr,
    /container is running: stop the container before removing or force remove/,
  );
  await docker.ok("rm", "-f", "runs");
});
