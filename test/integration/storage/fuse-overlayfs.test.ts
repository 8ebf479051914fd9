import { join } from "node:path";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { fuseOverlayfs } from "../../../src/daemon/storage/fuse-overlayfs/kind.ts";
import { Overlay2 } from "../../../src/daemon/storage/overlay2/driver.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

storageDriverContract("fuse-overlayfs", {
  open: (root, workers) => new Overlay2(join(root, "fuse-overlayfs"), workers, [], fuseOverlayfs),
  directory: temporaryDirectory,
  // Version 1.10 ends with a crash when a name that no whiteout can be made of is removed, and opens
  // devices and fifos of an image to change or remove them, which fails.
  lacks: { nameMaxBytes: 250, changedDevices: true },
});
