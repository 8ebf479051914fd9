import assert from "node:assert/strict";
import { closeSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openDirectory } from "../../../src/linux/file/open.ts";
import { bind } from "../../../src/linux/mount/bind.ts";
import { mount, mountTmpfs, MS, setPropagation, umount } from "../../../src/linux/mount/mount.ts";
import { mountOverlay, mountOverlayByPage } from "../../../src/linux/mount/overlay.ts";
import { isMountPoint, mountsBelow, mountTable } from "../../../src/linux/mount/table.ts";
import { mountIdmapped } from "../../../src/linux/mount/tree.ts";
import { openNamespace } from "../../../src/linux/namespace/network.ts";
import { spawn } from "../../../src/linux/process/spawn.ts";
import { kill } from "../../../src/linux/process/kill.ts";

let root = "";
const at = (...names: string[]): string => join(root, ...names);

before(() => {
  root = mkdtempSync(join(tmpdir(), "berth-mount-"));
  mountTmpfs(root, { data: { size: "64m", mode: "755" }, flags: MS.nosuid });
  for (const name of ["source/sub", "target", "upper", "work", "a:b\\c"]) mkdirSync(at(name), { recursive: true });
  writeFileSync(at("source/file"), "content");
});

after(() => {
  for (const { target } of mountsBelow(root)) umount(target, { detach: true });
  rmSync(root, { recursive: true });
});

const infoOf = (target: string) => mountTable().findLast((info) => info.target === target);

test("a tmpfs has its options", () => {
  assert.equal(infoOf(root)?.type, "tmpfs");
  assert.ok(infoOf(root)?.options.includes("nosuid"));
  assert.ok(infoOf(root)?.superOptions.includes("size=65536k"));
});

test("a recursive read-only bind covers the mounts below", () => {
  mountTmpfs(at("source/sub"));
  bind(at("source"), at("target"), { readOnly: true, recursive: true, noExec: true });
  assert.throws(() => writeFileSync(at("target/file"), ""), { code: "EROFS" });
  assert.throws(() => writeFileSync(at("target/sub/x"), ""), { code: "EROFS" });
  assert.equal(readFileSync(at("target/file"), "utf8"), "content");
  writeFileSync(at("source/file"), "content");
  assert.ok(infoOf(at("target/sub"))?.options.includes("noexec"));
  umount(at("target"), { detach: true });
  umount(at("source/sub"));
  assert.ok(!isMountPoint(at("target")));
});

test("a bind takes descriptors, and files", () => {
  const source = openDirectory(at("source"));
  const target = openDirectory(at("target"));
  bind(source, target);
  closeSync(source);
  closeSync(target);
  assert.deepEqual(readdirSync(at("target")).sort(), ["file", "sub"]);
  umount(at("target"));
  writeFileSync(at("other"), "");
  bind(at("source/file"), at("other"));
  assert.equal(readFileSync(at("other"), "utf8"), "content");
  umount(at("other"));
});

test("propagation is set", () => {
  bind(at("source"), at("target"));
  setPropagation(at("target"), "shared");
  assert.match(infoOf(at("target"))?.propagation.join() ?? "", /^shared:/);
  setPropagation(at("target"), "private", { recursive: true });
  assert.deepEqual(infoOf(at("target"))?.propagation, []);
  umount(at("target"));
});

for (const [how, mountIt] of Object.entries({ "layer by layer": mountOverlay, "by mount(2)": mountOverlayByPage }))
  test(`an overlay of 200 layers, some with colons and backslashes in their names, ${how}`, () => {
    for (const name of ["layers", "upper", "work"]) rmSync(at(name), { recursive: true, force: true });
    for (const name of ["upper", "work"]) mkdirSync(at(name));
    const lower = Array.from({ length: 200 }, (_, index) => at(`layers/${index}${index === 3 ? "a:b\\c," : ""}`));
    lower.forEach((layer, index) => {
      mkdirSync(layer, { recursive: true });
      writeFileSync(join(layer, `only-${index}`), "");
      writeFileSync(join(layer, "same"), String(index));
    });
    mountIt({ lower, upper: at("upper"), work: at("work"), target: at("target"), options: { redirect_dir: "off" } });
    assert.equal(readFileSync(at("target/same"), "utf8"), "0");
    assert.equal(readdirSync(at("target")).length, 201);
    writeFileSync(at("target/same"), "new");
    assert.equal(readFileSync(at("upper/same"), "utf8"), "new");
    umount(at("target"));
    mountIt({ lower: lower.slice(0, 2), target: at("target") });
    assert.throws(() => writeFileSync(at("target/same"), ""), { code: "EROFS" });
    umount(at("target"));
  });

test("failures name the call, the path and the kernel's reason", () => {
  assert.throws(() => mount("none", at("absent"), "tmpfs"), { code: "ENOENT", syscall: "mount", path: at("absent") });
  assert.throws(() => umount(at("source")), { code: "EINVAL", syscall: "umount2" });
  assert.throws(() => mountOverlay({ lower: [at("absent")], target: at("target") }), {
    code: "ENOENT",
    syscall: "fsconfig",
    path: at("absent"),
  });
  assert.throws(
    () => mountOverlay({ lower: [at("source")], target: at("target"), options: { nonsense: "1" } }),
    (error: Error) => /nonsense/.test(error.message),
  );
});

test("an idmapped copy shows shifted owners", async () => {
  const child = spawn(["/usr/bin/unshare", "--user", "/bin/sleep", "30"]);
  try {
    while (statSync(`/proc/${child.pid}/ns/user`).ino === statSync("/proc/self/ns/user").ino)
      await new Promise((resolve) => setTimeout(resolve, 5));
    writeFileSync(`/proc/${child.pid}/uid_map`, "0 100000 65536\n");
    writeFileSync(`/proc/${child.pid}/gid_map`, "0 100000 65536\n");
    const userNamespace = openNamespace(`/proc/${child.pid}/ns/user`);
    mountIdmapped(at("source"), at("target"), userNamespace);
    closeSync(userNamespace);
    assert.equal(statSync(at("target/file")).uid, 100_000);
    assert.equal(statSync(at("source/file")).uid, 0);
    umount(at("target"));
  } finally {
    kill(child.pid, 9);
    await child.exited;
  }
});
