import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { Btrfs } from "../../../src/daemon/storage/btrfs/driver.ts";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";

let filesystem: ReturnType<typeof loopFilesystem> | undefined;
before(() => {
  filesystem = loopFilesystem("btrfs", { sizeMiB: 1024 });
});
after(() => filesystem?.[Symbol.dispose]());

storageDriverContract("btrfs", {
  open: (root, workers) => new Btrfs(join(root, "btrfs"), workers),
  directory: () => {
    const path = mkdtempSync(join(filesystem?.path ?? "", "test-"));
    return {
      path,
      [Symbol.dispose]: () => {
        removeSubvolumes(join(path, "btrfs/subvolumes"));
        rmSync(path, { recursive: true, force: true });
      },
    };
  },
});
