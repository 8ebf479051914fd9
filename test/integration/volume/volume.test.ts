import assert from "node:assert/strict";
import {
  closeSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { isKind } from "../../../src/base/errors.ts";
import { Filters } from "../../../src/base/filters.ts";
import { Database } from "../../../src/daemon/state/database.ts";
import { openSubpath } from "../../../src/daemon/volume/subpath.ts";
import { VolumeService } from "../../../src/daemon/volume/service.ts";
import { findxattr, setxattr } from "../../../src/linux/file/xattr.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";

/** A volume service on a fresh data root, and an image's root filesystem beside it. */
class Volumes implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "berth-volumes-"));
  readonly rootfs = join(this.root, "rootfs");
  readonly database = Database.open(join(this.root, "state.db"));
  readonly workers = new LayerWorkers();
  readonly service = this.reopen();

  reopen(): VolumeService {
    return new VolumeService({
      root: join(this.root, "volumes"),
      clock: systemClock(),
      database: this.database,
      workers: this.workers,
    });
  }

  folder(path: string): string {
    mkdirSync(join(this.rootfs, path), { recursive: true });
    return join(this.rootfs, path);
  }

  async fill(name: string, path: string): Promise<string> {
    await this.service.create({ Name: name });
    await this.service.fill(name, this.rootfs, path);
    return (await this.service.mount(name, "c1", { destination: path, readOnly: false })).path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.unmountAll("c1");
    await this.workers[Symbol.asyncDispose]();
    this.database.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

const owner = (path: string): string => {
  const { uid, gid, mode } = statSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
};

test("an empty volume gets what the image has there, owners, modes, links and attributes kept", async () => {
  await using volumes = new Volumes();
  const data = volumes.folder("data");
  writeFileSync(join(data, "f"), "x");
  chownSync(join(data, "f"), 5, 6);
  chmodSync(join(data, "f"), 0o4755);
  setxattr(join(data, "f"), "user.a", Buffer.from("b"));
  linkSync(join(data, "f"), join(data, "hard"));
  symlinkSync("/etc/passwd", join(data, "link"));
  writeFileSync(join(data, ".wh.x"), "an ordinary name in a container");
  chownSync(data, 70, 71);
  chmodSync(data, 0o2770);
  const path = await volumes.fill("v1", "/data");
  assert.equal(owner(path), "70:71 2770");
  assert.equal(owner(join(path, "f")), "5:6 4755");
  assert.equal(findxattr(join(path, "f"), "user.a")?.toString(), "b");
  assert.equal(statSync(join(path, "f")).ino, statSync(join(path, "hard")).ino);
  assert.equal(readlinkSync(join(path, "link")), "/etc/passwd");
  assert.ok(existsSync(join(path, ".wh.x")));
});

test("a volume over an empty directory of the image is its owner's", async () => {
  await using volumes = new Volumes();
  chownSync(volumes.folder("empty"), 70, 70);
  chmodSync(join(volumes.rootfs, "empty"), 0o700);
  assert.equal(owner(await volumes.fill("v2", "/empty")), "70:70 700");
});

test("a volume that holds something is left alone", async () => {
  await using volumes = new Volumes();
  writeFileSync(join(volumes.folder("data"), "f"), "");
  const { Mountpoint: path } = await volumes.service.create({ Name: "v3" });
  writeFileSync(join(path, "mine"), "");
  assert.equal(await volumes.fill("v3", "/data"), path);
  assert.deepEqual(readdirSync(path), ["mine"]);
});

test("symlinks of the image and of the volume lead nowhere on the host", async () => {
  await using volumes = new Volumes();
  volumes.folder("");
  symlinkSync("/etc", join(volumes.rootfs, "evil"));
  const path = await volumes.fill("v4", "/evil");
  assert.deepEqual(readdirSync(path), []);
  symlinkSync("/etc", join(path, "out"));
  assert.throws(
    () => openSubpath(path, "out"),
    (error) => isKind(error, "not-found"),
  );
  const fd = openSubpath(path, "../../..");
  try {
    assert.equal(readlinkSync(`/proc/self/fd/${fd}`), path);
  } finally {
    closeSync(fd);
  }
});

test("a volume with options is mounted while a container has it", async () => {
  await using volumes = new Volumes();
  const { service } = volumes;
  await service.create({ Name: "v5", DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=7" } });
  const { path } = await service.mount("v5", "c1", { destination: "/x", readOnly: false });
  assert.equal(statSync(path).uid, 7);
  await service.unmountAll("c1");
  assert.equal(statSync(path).uid, 0);
  await assert.rejects(
    service.create({ Name: "v6", DriverOpts: { nonsense: "1" } }),
    /create v6: invalid option: "nonsense"/,
  );
});

test("a volume in use stays, in the words of Docker; prune takes the anonymous ones alone", async () => {
  await using volumes = new Volumes();
  const { service } = volumes;
  await service.create({ Name: "named" });
  await service.create({ Name: "mounted", DriverOpts: { type: "tmpfs", device: "tmpfs" } });
  const anonymous = await service.create({});
  assert.match(anonymous.Name, /^[0-9a-f]{64}$/);
  assert.equal(anonymous.Labels?.["com.docker.volume.anonymous"], "");
  service.reference("named", "c9");
  await assert.rejects(
    service.remove("named", { force: false }),
    (error) => isKind(error, "conflict") && (error as Error).message === "remove named: volume is in use - [c9]",
  );
  service.unreference("c9");
  assert.deepEqual((await service.prune()).VolumesDeleted, [anonymous.Name]);
  await service.create({ Name: "elsewhere", DriverOpts: { type: "tmpfs", device: "tmpfs" } });
  assert.deepEqual((await service.prune(new Filters(new Map([["all", ["true"]]])))).VolumesDeleted, ["named"]);
  assert.equal(service.get("elsewhere").Name, "elsewhere");
  assert.throws(() => service.get("named"), /get named: no such volume/);
  await assert.rejects(service.create({ Name: "../x" }), /includes invalid characters for a local volume name/);
});
