import { join } from "node:path";
import { Overlay2 } from "../../../src/daemon/storage/overlay2/driver.ts";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

storageDriverContract("overlay2", {
  open: (root, workers) => new Overlay2(join(root, "overlay2"), workers),
  directory: temporaryDirectory,
});
