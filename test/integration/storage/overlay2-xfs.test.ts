import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { kernelOverlay } from "../../../src/daemon/storage/overlay2/kind.ts";
import { Overlay2 } from "../../../src/daemon/storage/overlay2/driver.ts";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { loopFilesystem, mounts } from "../../support/loop-filesystem.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

// The driver under its older name, and on the other filesystem that people have.
if (mounts("xfs")) {
  let filesystem: ReturnType<typeof loopFilesystem> | undefined;
  before(() => {
    filesystem = loopFilesystem("xfs");
  });
  after(() => filesystem?.[Symbol.dispose]());
  storageDriverContract("overlay on xfs", {
    open: (root, workers) => new Overlay2(join(root, "overlay"), workers, [], kernelOverlay("overlay")),
    directory: () => temporaryDirectory(filesystem?.path),
  });
} else {
  test("this kernel has no xfs", () => {
    assert.throws(() => loopFilesystem("xfs"), /unknown filesystem type 'xfs'/);
  });
}
