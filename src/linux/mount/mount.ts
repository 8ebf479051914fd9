import { SystemError } from "../error.ts";
import { check, libc, libcAsync } from "../ffi.ts";

const mountCall = libc("mount", ["str", "str", "str", "ulong", "str"]);
const umount2 = libc("umount2", ["str", "int"]);
const umount2Async = libcAsync("umount2", ["str", "int"]);

/** Flags of mount(2). */
export const MS = {
  rdonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  synchronous: 16,
  remount: 32,
  noatime: 1024,
  nodiratime: 2048,
  bind: 4096,
  move: 8192,
  rec: 16384,
  silent: 32768,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  strictatime: 1 << 24,
} as const;

/**
 * mount(2) as it is. `data` is limited to one page: see `mountOverlay` for many layers.
 * @throws SystemError with `target` as its path.
 */
export const mount = (
  source: string | null,
  target: string,
  type: string | null,
  flags = 0,
  data: string | null = null,
): void => {
  check(mountCall(source, target, type, flags, data), "mount", target);
};

export interface UmountOptions {
  /** Away at once from the tree, and for good when its last user is gone (MNT_DETACH). */
  detach?: boolean;
}

/** Takes the topmost mount away from `target`, which is never followed when it is a symlink. */
export const umount = (target: string, options: UmountOptions = {}): void => {
  const MNT_DETACH = 2;
  const UMOUNT_NOFOLLOW = 8;
  check(umount2(target, UMOUNT_NOFOLLOW | (options.detach === true ? MNT_DETACH : 0)), "umount2", target);
};

/**
 * The same with MNT_DETACH on a thread of libuv's pool: the kernel waits for a grace period, which takes milliseconds and
 * many more on a busy machine. Nothing may be mounted at `target` meanwhile.
 * @param isMounted asked when the call failed, since its errno is lost: somebody else may have been first
 * @throws SystemError EBUSY when it is still mounted
 */
export const umountBehind = async (target: string, isMounted: (target: string) => boolean): Promise<void> => {
  const MNT_DETACH = 2;
  const UMOUNT_NOFOLLOW = 8;
  const EBUSY = 16;
  if ((await umount2Async(target, UMOUNT_NOFOLLOW | MNT_DETACH)) === 0) return;
  if (isMounted(target)) throw new SystemError(EBUSY, "umount2", target);
};

/** Which way mounts spread between `target` and its peers; `recursive` for every mount below it too. */
export const setPropagation = (
  target: string,
  kind: "private" | "shared" | "slave" | "unbindable",
  options: { recursive?: boolean } = {},
): void => mount(null, target, null, MS[kind] | (options.recursive === true ? MS.rec : 0));

export interface TmpfsOptions {
  /** As tmpfs takes them: { size: "64m", mode: "1777", nr_inodes … }. */
  data?: Record<string, string | number>;
  /** Sum of MS flags. */
  flags?: number;
  source?: string;
}

/** **Source:** tmpfs(5). */
export const mountTmpfs = (target: string, { data = {}, flags = 0, source = "tmpfs" }: TmpfsOptions = {}): void => {
  const text = Object.entries(data).map(([name, value]) => `${name}=${value}`);
  mount(source, target, "tmpfs", flags, text.length === 0 ? null : text.join(","));
};
