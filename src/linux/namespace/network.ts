import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { check, failure, libc } from "../ffi.ts";
import { bind } from "../mount/bind.ts";
import { umount } from "../mount/mount.ts";

const setns = libc("setns", ["int", "int"]);
const unshare = libc("unshare", ["int"]);
const CLONE_NEWNET = 0x40000000;
/** The namespace of the calling thread: /proc/self would name the main thread's. */
const ownNetwork = "/proc/thread-self/ns/net";

/** Opens a namespace by its file: /proc/PID/ns/X, or what one was pinned to. The descriptor keeps it alive. */
export const openNamespace = (path: string): number => openSync(path, "r");

/**
 * Runs synchronous work with this thread in another network namespace and comes back: a socket made by it stays in
 * that namespace for good. Nothing else of the process moves, since nothing else runs meanwhile; the threads of
 * libuv's pool must exist before the first call (`startPool`), or they are born in the wrong namespace.
 *
 * @throws SystemError when it cannot be entered. When there is no way back the process is not fit to go on: it aborts.
 *
 * **Source:** setns(2), network_namespaces(7).
 */
export const withNetworkNamespace = <T>(
  namespace: number,
  work: () => T extends PromiseLike<unknown> ? never : T,
): T => {
  const home = openSync(ownNetwork, "r");
  try {
    check(setns(namespace, CLONE_NEWNET), "setns");
    try {
      return work();
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) abandon();
    }
  } finally {
    closeSync(home);
  }
};

/**
 * Makes a network namespace with nothing but a loopback that is down, and pins it to a file by a bind mount.
 *
 * @throws SystemError; nothing is left behind then.
 */
export const createNetworkNamespace = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "", { flag: "wx", mode: 0o444 });
  const home = openSync(ownNetwork, "r");
  try {
    check(unshare(CLONE_NEWNET), "unshare");
    try {
      bind(ownNetwork, path);
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) abandon();
    }
  } catch (error) {
    rmSync(path);
    throw error;
  } finally {
    closeSync(home);
  }
};

/** Pins an open namespace to a file that is made for it. @throws SystemError; nothing is left behind then. */
export const pinNamespace = (namespace: number, path: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "", { flag: "wx", mode: 0o444 });
  try {
    bind(namespace, path);
  } catch (error) {
    rmSync(path);
    throw error;
  }
};

/** Unpins a namespace: it ends, with its links, when the last process and descriptor in it is gone. */
export const removeNetworkNamespace = (path: string): void => {
  umount(path, { detach: true });
  rmSync(path);
};

const abandon = (): never => {
  process.stderr.write(`cannot return to the network namespace: ${failure("setns").message}\n`);
  process.abort();
};
