import { messageOf, systemError } from "../../../base/errors.ts";
import { setAttributes } from "../../../linux/mount/tree.ts";

/**
 * Shows a detached tree's owners through a user namespace's map.
 * @param what the words for what it is of
 * @throws EngineError system when the filesystem or the kernel has no idmapped mounts
 */
export const idmap = (tree: number, userNamespace: number, what: string): void => {
  try {
    setAttributes(tree, { userNamespace });
  } catch (error) {
    throw systemError(
      `--userns-remap needs idmapped mounts, which ${what} or this kernel does not have: ${messageOf(error)}`,
      error,
    );
  }
};
