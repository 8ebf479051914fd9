import { closeSync, readSync } from "node:fs";
import { SystemError } from "../error.ts";
import { check, lastErrno, syscall } from "../ffi.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../file/flags.ts";
import { openDirectory, openat2, pathOf } from "../file/open.ts";
import { MS, mount } from "./mount.ts";
import { attachTree, mountAttribute } from "./tree.ts";
import type { Target } from "./tree.ts";

const fsopen = syscall(430, ["str", "uint"]);
const fsconfig = syscall(431, ["int", "uint", "str", "str", "int"]);
const fsmount = syscall(432, ["int", "uint", "uint"]);
const CLOEXEC = 1;
const SET_FLAG = 0;
const SET_STRING = 1;
const CMD_CREATE = 6;
const maxMessageBytes = 4096;

/**
 * A new filesystem of a type, its options given one by one: no page limit, and the kernel says what it did not like.
 * @returns a detached mount, for `attachTree`.
 * @throws SystemError with the kernel's own message. **Source:** fsopen(2), fsconfig(2), fsmount(2).
 */
export const createMount = (
  type: string,
  options: readonly (readonly [string, string | null])[],
  attributes = 0,
): number => {
  const context = check(fsopen(type, CLOEXEC), "fsopen", type);
  try {
    for (const [name, value] of options) configure(context, value === null ? SET_FLAG : SET_STRING, name, value);
    configure(context, CMD_CREATE, null, null);
    return check(fsmount(context, CLOEXEC, attributes), "fsmount", type);
  } finally {
    closeSync(context);
  }
};

/** Whether the kernel has a type of filesystem; its module is loaded when there is one. */
export const hasFilesystem = (type: string): boolean => {
  const context = fsopen(type, CLOEXEC);
  if (context < 0) return false;
  closeSync(context);
  return true;
};

const configure = (context: number, command: number, name: string | null, value: string | null): void => {
  if (fsconfig(context, command, name, value, 0) < 0)
    throw new SystemError(lastErrno(), "fsconfig", value ?? name ?? undefined, complaint(context));
};

/** What the kernel wrote about the last failure of a filesystem context: "e overlay: …". */
const complaint = (context: number): string | undefined => {
  const buffer = Buffer.alloc(maxMessageBytes);
  try {
    return buffer.toString("utf8", 0, readSync(context, buffer)).trim();
  } catch {
    return undefined;
  }
};

export interface Overlay {
  /** Read-only layers, the topmost first. */
  lower: readonly string[];
  /** The writable layer and its work directory; a read-only overlay without them. */
  upper?: string;
  work?: string;
  target: Target;
  /** Further options: { metacopy: "on" }, null for a flag: { userxattr: null }. */
  options?: Record<string, string | null>;
}

/**
 * Mounts an overlay of any number of layers (300 take 4.5 ms), or on kernels before 6.8 of as many as one page of
 * options names. `lowerdir+` names one layer at a time and takes any character in a path.
 *
 * **Source:** Documentation/filesystems/overlayfs.rst.
 */
export const mountOverlay = (overlay: Overlay): void => {
  const { lower, upper, target } = overlay;
  const options = [...lower.map((path) => ["lowerdir+", path] as const), ...optionsOf(overlay)];
  // Asked first: an old kernel would write each refusal into its log.
  if (takesOptionsAtTheEnd()) return mountOverlayByPage(overlay);
  let tree: number;
  try {
    tree = createMount("overlay", options, upper === undefined ? mountAttribute.readOnly : 0);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== "EINVAL" || takes("lowerdir+")) throw error;
    return mountOverlayByPage(overlay);
  }
  try {
    attachTree(tree, target);
  } finally {
    closeSync(tree);
  }
};

const optionsOf = ({ upper, work, options = {} }: Overlay): [string, string | null][] => [
  ...Object.entries(options),
  ...(upper === undefined || work === undefined
    ? []
    : ([
        ["upperdir", upper],
        ["workdir", work],
      ] as [string, string][])),
];

/**
 * As `mountOverlay`, by mount(2): for the kernels that know nothing else. Its options end at one page, so each directory
 * is named by a descriptor, which is short and holds no character that would have to be escaped; about 200 layers fit.
 */
export const mountOverlayByPage = (overlay: Overlay): void => {
  const { lower, upper, target } = overlay;
  const fds: number[] = [];
  const short = (path: string): string => {
    const fd = openDirectory(path);
    fds.push(fd);
    return pathOf(fd);
  };
  try {
    const layers = lower.map(short).join(":");
    const rest = optionsOf(overlay).map(([name, value]) =>
      value === null ? name : `${name}=${name === "upperdir" || name === "workdir" ? short(value) : value}`,
    );
    let at = target;
    if (typeof at === "string") fds.push((at = openat2(AT_FDCWD, at, { flags: O_PATH | O_DIRECTORY | O_NOFOLLOW })));
    mount(
      "overlay",
      pathOf(at),
      "overlay",
      upper === undefined ? MS.rdonly : 0,
      [`lowerdir=${layers}`, ...rest].join(","),
    );
  } finally {
    for (const fd of fds) closeSync(fd);
  }
};

/** Whether the new calls only collect options for the old one, any name among them: before 6.5. A kernel stays as it is. */
const takesOptionsAtTheEnd = (): boolean => (optionsAtTheEnd ??= takes("no-such-option"));
let optionsAtTheEnd: boolean | undefined;

/** Whether overlay of this kernel takes an option when it is named, asked with a directory that is always there. */
const takes = (option: string): boolean => {
  const context = check(fsopen("overlay", CLOEXEC), "fsopen", "overlay");
  try {
    return fsconfig(context, SET_STRING, option, "/", 0) === 0;
  } finally {
    closeSync(context);
  }
};
