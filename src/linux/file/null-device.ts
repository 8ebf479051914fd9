import { closeSync, constants } from "node:fs";
import { createMount } from "../mount/overlay.ts";
import { fchmodat } from "./attributes.ts";
import { fileType } from "./flags.ts";
import { makeDevice, mknodat } from "./make.ts";
import { openat2 } from "./open.ts";

const mode = 0o666;
/** **Source:** Linux's list of devices, 1:3. */
const nullDevice = { major: 1, minor: 3 };

/**
 * Opens a /dev/null of the caller's own, on a filesystem that is nowhere mounted: whoever gets the descriptor may change
 * its owner and mode, and the host's stays as it is.
 *
 * @throws SystemError
 */
export const openNullDevice = (): number => {
  const filesystem = createMount("tmpfs", [
    ["size", "4k"],
    ["mode", "0755"],
  ]);
  try {
    mknodat(filesystem, "null", fileType.character | mode, makeDevice(nullDevice.major, nullDevice.minor));
    fchmodat(filesystem, "null", mode);
    return openat2(filesystem, "null", { flags: constants.O_RDWR });
  } finally {
    closeSync(filesystem);
  }
};
