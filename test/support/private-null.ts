// A /dev/null of the test's own: an engine that lets a container have it breaks no other program of the machine.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { bind } from "../../src/linux/mount/bind.ts";
import { mountTmpfs, umount } from "../../src/linux/mount/mount.ts";

/** For a whole test file; to be called before `useEngine`. */
export const usePrivateNull = (): void => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-null-"));
    mountTmpfs(folder);
    execFileSync("mknod", ["-m", "666", join(folder, "null"), "c", "1", "3"]);
    bind(join(folder, "null"), "/dev/null");
  });
  after(() => {
    umount("/dev/null", { detach: true });
    umount(folder, { detach: true });
    rmdirSync(folder);
  });
};
