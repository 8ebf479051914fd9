import { closeSync } from "node:fs";
import { attachTree, cloneTree, mountAttribute, setAttributes } from "./tree.ts";
import type { Target } from "./tree.ts";

export interface BindOptions {
  /** Of the new mounts; what they show stays writable elsewhere. */
  readOnly?: boolean;
  /** With every mount below the source. */
  recursive?: boolean;
  noSuid?: boolean;
  noDev?: boolean;
  noExec?: boolean;
}

/**
 * Shows a file or directory at a second place. The mount is complete before it can be seen: a read-only one is never
 * writable for a moment. Source and target are paths, or descriptors for what must not be swapped.
 *
 * @throws SystemError
 */
export const bind = (source: Target, target: Target, options: BindOptions = {}): void => {
  const tree = cloneTree(source, options);
  try {
    const set =
      (options.readOnly === true ? mountAttribute.readOnly : 0) |
      (options.noSuid === true ? mountAttribute.noSuid : 0) |
      (options.noDev === true ? mountAttribute.noDev : 0) |
      (options.noExec === true ? mountAttribute.noExec : 0);
    if (set !== 0) setAttributes(tree, { set, recursive: options.recursive });
    attachTree(tree, target);
  } finally {
    closeSync(tree);
  }
};
