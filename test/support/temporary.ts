import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { umount } from "../../src/linux/mount/mount.ts";
import { mountsBelow } from "../../src/linux/mount/table.ts";

/** A directory of its own for a test; `using` removes it with all mounts below. */
export const temporaryDirectory = (parent = tmpdir()): Disposable & { path: string } => {
  const path = mkdtempSync(join(parent, "berth-test-"));
  return {
    path,
    [Symbol.dispose]() {
      for (const { target } of mountsBelow(path)) umount(target, { detach: true });
      rmSync(path, { recursive: true, force: true });
    },
  };
};
