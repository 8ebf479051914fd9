// Images and volumes whose symlinks lead to the host.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Engine, attackImage, attackLayer } from "./engine.ts";
import { imageOf, layerOf } from "../support/image.ts";

const runtimes = ["crun", "runc"];

suite("root filesystems that lead to the host", () => {
  let engine: Engine;
  let canary: string;
  before(async () => {
    engine = await Engine.start();
    canary = mkdtempSync(join(tmpdir(), "berth-canary-"));
    mkdirSync(join(canary, "directory"));
    writeFileSync(join(canary, "file"), "canary", { mode: 0o600 });
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(canary, { recursive: true, force: true });
  });
  const untouched = (what: string): void => {
    assert.deepEqual(readdirSync(canary), ["directory", "file"], what);
    assert.deepEqual(readdirSync(join(canary, "directory")), [], what);
    assert.equal(readFileSync(join(canary, "file"), "utf8"), "canary", what);
  };

  for (const name of ["dev", "proc", "sys"])
    test(`an image whose /${name} is a symlink to the host is not run`, async () => {
      const layer = attackLayer().filter((entry) => entry.name !== `${name}/`);
      const link = { name, type: "2", linkname: canary };
      await engine.load("evil", imageOf({ layers: [layerOf([...layer, link], "none")] }));
      for (const runtime of runtimes) {
        const run = ["run", "--rm", "--runtime", runtime, "evil", "/bin/echo", "ran"];
        const { stdout, stderr } = await engine.docker(run);
        assert.match(stderr, /is not a directory/, runtime);
        assert.equal(stdout, "");
        untouched(runtime);
      }
    });

  test("symlinks in the image's /dev lead nowhere, with a terminal and without", async () => {
    const up = `../../../../../../../../..${canary}/file`;
    const names = ["null", "console", "ptmx", "fd", "stdin", "shm", "pts", "mqueue", "zero"];
    const links = names.map((name) => ({ name: `dev/${name}`, type: "2", linkname: up }));
    await engine.load("evil-dev", attackImage(links));
    const script = "echo owned > /dev/console; echo owned > /dev/null; echo owned > /dev/shm/x; echo done";
    for (const runtime of runtimes)
      for (const terminal of [[], ["-t"]]) {
        const run = ["run", "--rm", "--runtime", runtime, ...terminal, "evil-dev", "sh", "-c", script];
        assert.match((await engine.docker(run)).stdout, /done/);
        untouched(`${runtime} ${terminal.join()}`);
      }
  });

  test("files that the daemon puts into a container do not follow the image's symlinks", async () => {
    const links = ["etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"].map((name) => ({
      name,
      type: "2",
      linkname: `${canary}/file`,
    }));
    await engine.load("evil-etc", attackImage(links));
    for (const runtime of runtimes) {
      const script = "echo owned >> /etc/hosts; echo owned >> /etc/hostname; cat /etc/hostname";
      await engine.docker(["run", "--rm", "--runtime", runtime, "evil-etc", "sh", "-c", script]);
      untouched(runtime);
    }
  });

  test("volumes, tmpfs and binds are mounted inside, wherever the image's symlinks lead", async () => {
    const links = [
      { name: "data", type: "2", linkname: `${canary}/directory` },
      { name: "up", type: "2", linkname: `../../../../../../../..${canary}/directory` },
    ];
    await engine.load("evil-volume", attackImage(links, { Volumes: { "/data": {} } }));
    for (const runtime of runtimes)
      for (const option of [[], ["-v", "named:/up/new"], ["--tmpfs", "/up"], ["-v", `${canary}:/up/bind:ro`]]) {
        const script = "touch /data/owned /up/owned /up/new/owned; true";
        await engine.docker(["run", "--rm", "--runtime", runtime, ...option, "evil-volume", "sh", "-c", script]);
        untouched(`${runtime} ${option.join(" ")}`);
      }
  });

  test("two containers that swap symlinks on a shared volume meet no file of the host", async () => {
    await engine.load("attack", attackImage());
    const flip = `cd /v; mkdir -p d; ln -s ${canary} l; while true; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done`;

    const id = await engine.ok("run", "-d", "-v", "shared:/v", "attack", "sh", "-c", flip);
    for (let round = 0; round < 12; round++) {
      const runtime = runtimes[round % 2] ?? "";
      const mount = `type=volume,src=inner,dst=/v/d`;
      const { stdout } = await engine.docker([
        ...["run", "--rm", "--runtime", runtime, "-v", "shared:/v", "--mount", mount, "attack"],
        ...["sh", "-c", "touch /v/d/owned; cat /v/d/file"],
      ]);
      assert.doesNotMatch(stdout, /canary/);
      untouched(`round ${round}`);
    }
    await engine.ok("kill", id);
  });

  test("an image's own decompressors never run, for a copy and for a load", async () => {
    const trojan = `#!/bin/sh\n/bin/touch ${canary}/trojan /trojan\n`;
    const folders = ["bin", "usr/bin", "usr/local/bin"];
    const entries = folders.flatMap((folder) =>
      ["xz", "unxz", "unpigz", "pigz", "igzip", "gzip", "bzip2", "zstd", "tar", "unzstd"].map((name) => ({
        name: `${folder}/${name}`,
        mode: 0o755,
        content: trojan,
      })),
    );
    await engine.load("trojan", attackImage(entries));
    const id = await engine.ok("create", "trojan");
    for (const flag of ["-z", "-J", "-j", "--zstd"]) {
      const archive = execFileSync("/bin/tar", ["-c", flag, "-C", canary, "file"]);
      const { status } = await engine.api("PUT", `/containers/${id}/archive?path=/tmp`, archive);
      assert.equal(status, 200, flag);
      assert.equal((await engine.docker(["cp", `${id}:/tmp/file`, "-"])).code, 0);
    }
    assert.doesNotMatch(await engine.ok("diff", id), /trojan/);
    untouched("trojan");
  });
});
