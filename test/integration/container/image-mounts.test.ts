// Mounts of images, `--mount type=image`: what containers see of them, and how long the images are kept for them.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { busyboxArchive } from "../../support/busybox-image.ts";
import { useEngine } from "../../support/engine.ts";

const archive = busyboxArchive({
  tags: ["files:1"],
  bare: true,
  layers: [
    [
      { name: "foo", content: "below" },
      { name: "gone", content: "x" },
      { name: "subdir/", type: "5", mode: 0o755 },
      { name: "subdir/hello", content: "world" },
      { name: "fifo", type: "6" },
      { name: "hack/", type: "5", mode: 0o755 },
      { name: "hack/good", type: "2", linkname: "../subdir" },
      { name: "hack/root", type: "2", linkname: "/" },
      { name: "hack/bad", type: "2", linkname: "../../../../../../../../../../etc" },
    ],
    [
      { name: "foo", content: "above" },
      { name: ".wh.gone", content: "" },
    ],
  ],
});
const engine = useEngine();
const load = (): Promise<unknown> => engine.api.ok("POST", "/images/load?quiet=1", archive);
const mount = (more = ""): string[] => ["--mount", `type=image,src=files:1,dst=/image${more}`];
const run = (more: string, ...command: string[]): Promise<string> =>
  engine.docker.ok("run", "--rm", ...mount(more), "busybox", ...command);
const imagesLeft = async (): Promise<number> => (await engine.api.ok<unknown[]>("GET", "/images/json")).length;

test("a container sees the image's files, merged, alone, and read-only", async () => {
  await load();
  assert.equal(await run("", "sh", "-c", "cat /image/foo; ls -A /image"), "abovefifo\nfoo\nhack\nsubdir");
  for (const command of ["touch /image/new", "echo x >/image/foo", "mount -o remount,rw /image"]) {
    const { code, stderr } = await engine.docker.run(["run", "--rm", ...mount(), "busybox", "sh", "-c", command]);
    assert.notEqual(code, 0, command);
    assert.match(stderr, /Read-only file system|permission denied|Operation not permitted/, command);
  }
  assert.equal(await run("", "cat", "/image/foo"), "above");
});

test("what create and inspect say of it", async () => {
  await load();
  const body = { Image: "busybox", HostConfig: { Mounts: [{ Type: "image", Source: "files:1", Target: "/image/" }] } };
  const { Id, Warnings } = await engine.api.ok<{ Id: string; Warnings: string[] }>("POST", "/containers/create", body);
  assert.deepEqual(Warnings, ["Image mount is an experimental feature"]);
  const { Mounts } = await engine.api.ok<{ Mounts: { Source: string }[] }>("GET", `/containers/${Id}/json`);
  const [{ Source, ...said } = { Source: "" }] = Mounts;
  assert.ok(Source.startsWith(engine.daemon.dataRoot), Source);
  const expected = {
    Type: "image",
    Name: "files:1",
    Destination: "/image",
    Mode: "",
    RW: false,
    Propagation: "rprivate",
  };
  assert.deepEqual(said, expected);
  await engine.api.ok("DELETE", `/containers/${Id}`);
  const refused = async (change: object, status: number, message: string): Promise<void> => {
    const answer = await engine.api.call("POST", "/containers/create", {
      Image: "busybox",
      HostConfig: { Mounts: [{ ...body.HostConfig.Mounts[0], ...change }] },
    });
    assert.deepEqual([answer.status, answer.json.message], [status, message]);
  };
  const invalid = 'invalid mount config for type "image": ';
  await refused({ Source: "" }, 400, `${invalid}field Source must not be empty`);
  await refused({ Source: "none:1" }, 404, "No such image: none:1");
  await refused({ BindOptions: {} }, 400, 'BindOptions must not be specified on mount type "image"');
  for (const Subpath of ["../x", "/x", "a/../../x"])
    await refused({ ImageOptions: { Subpath } }, 400, `${invalid}subpath must be a relative path within the volume`);
});

test("subpaths: a directory, a file, a symlink; what is not there, and nothing of the host", async () => {
  await load();
  assert.equal(await run(",image-subpath=subdir", "ls", "/image"), "hello");
  assert.equal(await run(",image-subpath=subdir/hello", "cat", "/image"), "world");
  assert.equal(await run(",image-subpath=hack/good", "ls", "/image"), "hello");
  assert.equal(await run(",image-subpath=hack/root", "cat", "/image/foo"), "above");
  // The daemon does not wait for the other end of it.
  assert.equal(await run(",image-subpath=fifo", "sh", "-c", "test -p /image && echo fifo"), "fifo");
  for (const subpath of ["none", "hack/bad"]) {
    const { code, stderr } = await engine.docker.run(["run", "--rm", ...mount(`,image-subpath=${subpath}`), "busybox"]);
    // The client's own status for these words.
    assert.equal(code, 127);
    assert.match(stderr, /cannot access path .*: no such file or directory/);
  }
});

test("the image stays for the container, by force without its name", async () => {
  await load();
  const { docker, daemon } = engine;
  await docker.ok("run", "-d", "--name", "user", ...mount(), "busybox", "sleep", "1000");
  const { code, stderr } = await docker.run(["rmi", "files:1"]);
  assert.equal(code, 1);
  const id = (await docker.field("user", "{{.Id}}")).slice(0, 12);
  assert.ok(stderr.includes(`(must force) - container ${id} is using its referenced image`), stderr);
  await docker.ok("stop", "-t", "0", "user");
  await docker.ok("rmi", "-f", "files:1");
  await docker.ok("start", "user");
  assert.equal(await docker.ok("exec", "user", "cat", "/image/foo"), "above");
  // A daemon that finds the mount neither takes its layers away nor loses it.
  await daemon.killAndStart();
  assert.equal(await docker.ok("exec", "user", "cat", "/image/foo"), "above");
  await docker.ok("restart", "-t", "0", "user");
  assert.equal(await docker.ok("exec", "user", "cat", "/image/foo"), "above");
  await docker.ok("run", "--rm", "--volumes-from", "user", "busybox", "cat", "/image/foo");
  await docker.ok("rm", "-f", "user");
  assert.equal(await imagesLeft(), 1);
});

test("copies read it, whether the container runs or not, and write nothing", async () => {
  await load();
  const { docker } = engine;
  const copied = async (): Promise<string> => docker.ok("cp", "copied:/image/foo", "-");
  await docker.ok("create", "--name", "copied", ...mount(), "busybox", "sleep", "1000");
  assert.match(await copied(), /above/);
  const { code, stderr } = await docker.run(["cp", "/etc/hostname", "copied:/image/"]);
  assert.equal(code, 1);
  assert.match(stderr, /mounted volume is marked read-only/);
  await docker.ok("start", "copied");
  assert.match(await copied(), /above/);
  assert.equal(await docker.ok("exec", "copied", "cat", "/image/foo"), "above");
  await docker.ok("rm", "-f", "copied");
});

for (const [how, needs] of Object.entries({
  "runs on": ["own:1"],
  mounts: ["--mount", "type=image,src=own:1,dst=/own", "busybox"],
})) {
  test(`layers of an image that was removed by force go with the last container that ${how} it`, async () => {
    const { docker, api, daemon } = engine;
    const storage = join(daemon.dataRoot, "overlay2");
    const layers = (): number => readdirSync(storage).filter((id) => existsSync(join(storage, id, "diff/own"))).length;
    const image = busyboxArchive({ tags: ["own:1"], layers: [[{ name: "own", content: "x" }]] });
    await api.ok("POST", "/images/load?quiet=1", image);
    for (const name of ["first", "last"]) await docker.ok("create", "--name", name, ...needs);
    await docker.ok("rmi", "-f", "own:1");
    await docker.ok("rm", "first");
    await sleep(200);
    assert.equal(layers(), 1, "the other container needs it");
    await docker.ok("rm", "last");
    // They go behind the answer.
    for (let tries = 0; tries < 100 && layers() > 0; tries++) await sleep(50);
    assert.equal(layers(), 0);
  });
}
