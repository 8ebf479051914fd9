import { chmodSync, chownSync, closeSync, constants, readdirSync } from "node:fs";
import { isCode } from "../../linux/error.ts";
import { openDirectory, openInRoot } from "../../linux/file/open.ts";
import { statOf } from "../../linux/file/stat.ts";
import type { IdMapping } from "../../linux/namespace/id-mapping.ts";
import { ownerOutside } from "../../oci/layer/mapping/owner.ts";
import { extractFrom, pack } from "../../oci/layer/transfer.ts";
import type { VolumeContext } from "./context.ts";

const permissionBits = 0o7777;

/**
 * Fills an empty volume with what the image has at its mount point, owners and attributes kept. Every name is resolved by
 * the kernel inside the root filesystem and inside the volume; nothing of the container runs.
 * @param rootfs the container's root, as the host sees it
 * @param mapping how the container's owners are seen outside, for a volume that is mounted from elsewhere: it shows the
 * host's ids
 * @throws TarError for an owner that the mapping has not
 */
export const copyUp = async (
  context: VolumeContext,
  rootfs: string,
  destination: string,
  volumePath: string,
  mapping?: IdMapping,
): Promise<void> => {
  if (readdirSync(volumePath).length > 0) return;
  const root = openDirectory(rootfs);
  let source: number;
  try {
    source = openInRoot(root, destination, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    // The image has no directory there: the volume stays empty.
    if (isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return;
    throw error;
  } finally {
    closeSync(root);
  }
  const { uid, gid, mode } = statOf(source);
  await extractFrom(context.workers, pack(context.workers, source), volumePath, {
    whiteouts: "none",
    ...(mapping === undefined ? {} : { mapping }),
  });
  // The directory itself is not in the archive; a service that does not run as root could not write to root's.
  const owner = ownerOutside({ uid, gid }, mapping);
  chownSync(volumePath, owner.uid, owner.gid);
  chmodSync(volumePath, mode & permissionBits);
};
