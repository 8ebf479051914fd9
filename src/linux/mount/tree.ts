import { closeSync } from "node:fs";
import { check, syscall } from "../ffi.ts";
import { AT_EMPTY_PATH, AT_FDCWD } from "../file/flags.ts";

const openTreeCall = syscall(428, ["int", "str", "uint"]);
const moveMountCall = syscall(429, ["int", "str", "int", "str", "uint"]);
const mountSetattrCall = syscall(442, ["int", "str", "uint", "void *", "size_t"]);

const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const attributeBytes = 32;

/** Attributes of a mount. **Source:** mount_setattr(2). */
export const mountAttribute = {
  readOnly: 0x01,
  noSuid: 0x02,
  noDev: 0x04,
  noExec: 0x08,
  noSymlinkFollow: 0x200000,
  idmap: 0x100000,
} as const;

/** Where a tree is attached: a path of the caller's, or an open directory or file (O_PATH). */
export type Target = string | number;

/** A detached copy of the mounts at `source` (a path, or a descriptor), to be attached with `attachTree`. */
export const cloneTree = (source: Target, options: { recursive?: boolean } = {}): number => {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive === true ? AT_RECURSIVE : 0);
  return typeof source === "number"
    ? check(openTreeCall(source, "", flags | AT_EMPTY_PATH), "open_tree")
    : check(openTreeCall(AT_FDCWD, source, flags), "open_tree", source);
};

/** Attaches a detached tree or mount. A symlink at the end of a target path is not followed. */
export const attachTree = (tree: number, target: Target): void => {
  const result =
    typeof target === "number"
      ? moveMountCall(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
      : moveMountCall(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
  check(result, "move_mount", typeof target === "string" ? target : undefined);
};

export interface SetAttributes {
  set?: number;
  clear?: number;
  /** A user namespace to map owners by; only on a detached tree that was never attached. */
  userNamespace?: number;
  recursive?: boolean;
}

/** Changes the attributes of a mount, of every mount below it with `recursive`. **Source:** mount_setattr(2). */
export const setAttributes = (tree: number, { set = 0, clear = 0, userNamespace, recursive }: SetAttributes): void => {
  const idmap = userNamespace === undefined ? 0 : mountAttribute.idmap;
  const buffer = Buffer.alloc(attributeBytes);
  buffer.writeBigUInt64LE(BigInt(set | idmap), 0);
  buffer.writeBigUInt64LE(BigInt(clear), 8);
  buffer.writeBigUInt64LE(BigInt(userNamespace ?? 0), 24);
  const flags = AT_EMPTY_PATH | (recursive === true ? AT_RECURSIVE : 0);
  check(mountSetattrCall(tree, "", flags, buffer, attributeBytes), "mount_setattr");
};

/** Attaches a copy of `source` whose owners are seen through a user namespace's map. */
export const mountIdmapped = (source: Target, target: Target, userNamespace: number): void => {
  const tree = cloneTree(source);
  try {
    setAttributes(tree, { userNamespace });
    attachTree(tree, target);
  } finally {
    closeSync(tree);
  }
};
