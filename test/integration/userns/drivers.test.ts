// Mapped owners on every storage driver: what is written is stored unshifted, and shown shifted.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { empty, loadBusybox } from "../../support/engine.ts";
import { Http } from "../../support/http.ts";
import { type LoopKind, loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";
import { privateEtc, ranges } from "../../support/private-etc.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const drivers: { name: string; on?: LoopKind }[] = [
  { name: "vfs" },
  { name: "overlay2", on: "xfs" },
  { name: "overlay2", on: "btrfs" },
  { name: "btrfs", on: "btrfs" },
  { name: "fuse-overlayfs" },
];

/** A data root's place that containers' root may pass through. */
const placeOn = (kind: LoopKind | undefined): Disposable & { path: string } => {
  const place = kind === undefined ? temporaryDirectory() : loopFilesystem(kind, { sizeMiB: 512 });
  const path = join(place.path, "engine");
  mkdirSync(path);
  for (const folder of [path, place.path, dirname(place.path)]) if (folder !== "/tmp") chmodSync(folder, 0o711);
  return {
    path,
    [Symbol.dispose]: () => {
      removeSubvolumes(join(path, "data/btrfs/subvolumes"));
      place[Symbol.dispose]();
    },
  };
};

for (const { name, on } of drivers) {
  describe(`${name} on ${on ?? "the machine's filesystem"}`, () => {
    test("run, exec, copy, diff, commit, a killed daemon", async () => {
      using _etc = privateEtc();
      using place = placeOn(on);
      const args = ["--storage-driver", name, "--userns-remap", "daemon"];
      await using daemon = await Daemon.start({ folder: place.path, args });
      const api = new Http(daemon.socketPath);
      await loadBusybox(api);
      using docker = new Docker(daemon.socketPath);
      const script = "cat /proc/self/uid_map; echo a >/a; chown 5:6 /a; chmod 4755 /a; rm /data/seed; sleep 60";
      await docker.ok("run", "-d", "--name", "one", "-w", "/work", "-v", "vol:/data", "busybox", "sh", "-c", script);
      const shown = "/a 5:6 4755\n/bin 0:0 755\n/work 0:0 755\n/data 0:0 755";
      const look = ["stat", "-c", "%n %u:%g %a", "/a", "/bin", "/work", "/data"];
      for (const end = Date.now() + 5000; (await docker.run(["exec", "one", "test", "-u", "/a"])).code !== 0;) {
        assert.ok(Date.now() < end, await docker.ok("logs", "one"));
      }
      assert.equal((await docker.ok("logs", "one")).trim().replace(/\s+/g, " "), `0 ${ranges.first} ${ranges.size}`);
      assert.equal(await docker.ok("exec", "one", ...look), shown);
      const tar = execFileSync("tar", ["c", "--owner=1000", "--group=1001", "-C", "/etc", "hostname"]);
      execFileSync("docker", ["-H", `unix://${daemon.socketPath}`, "cp", "-", "one:/work"], { input: tar });
      assert.equal(await docker.ok("exec", "one", "stat", "-c", "%u:%g", "/work/hostname"), "1000:1001");
      const out = execFileSync("docker", ["-H", `unix://${daemon.socketPath}`, "cp", "one:/a", "-"]);
      assert.match(
        execFileSync("tar", ["tv", "--numeric-owner"], { input: out, encoding: "utf8" }),
        /^-rwsr-xr-x 5\/6 /,
      );
      const diff = (await docker.ok("diff", "one")).split("\n").filter((line) => !/^. \/(?:root|etc)/.test(line));
      assert.deepEqual(diff.toSorted(), ["A /a", "A /work", "A /work/hostname"]);
      await daemon.killAndStart();
      assert.equal(await docker.ok("exec", "one", ...look), shown);
      await docker.ok("commit", "one", "committed");
      for (const userns of [[], ["--userns", "host"]]) {
        assert.equal(
          await docker.ok("run", "--rm", ...userns, "committed", "stat", "-c", "%n %u:%g %a", "/a", "/bin"),
          "/a 5:6 4755\n/bin 0:0 755",
        );
      }
      await docker.ok("restart", "-t", "0", "one");
      assert.equal(await docker.ok("exec", "one", "stat", "-c", "%u:%g", "/work/hostname"), "1000:1001");
      await docker.ok("rm", "-f", "one");
      await empty(api);
      assert.equal(await daemon.stop(), 0, await daemon.output());
      const left = execFileSync("cat", ["/proc/self/mountinfo"], { encoding: "utf8" });
      assert.ok(!left.includes(`${daemon.execRoot}/userns`), left);
    });
  });
}
