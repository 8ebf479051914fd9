import { join } from "node:path";
import { Vfs } from "../../../src/daemon/storage/vfs/driver.ts";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

storageDriverContract("vfs", {
  open: (root, workers) => new Vfs(join(root, "vfs"), workers),
  directory: temporaryDirectory,
});
