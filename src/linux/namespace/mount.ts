import { closeSync, openSync } from "node:fs";
import { check, libc } from "../ffi.ts";
import { setPropagation } from "../mount/mount.ts";

const setns = libc("setns", ["int", "int"]);
const unshare = libc("unshare", ["int"]);
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;

/**
 * Runs synchronous work in a new mount namespace that is a copy of the thread's own: what is mounted by it is seen
 * nowhere else and spreads nowhere. Afterwards the thread is back. The namespace lives on while the descriptor that
 * `work` was given is open, and so does what open descriptors show of its mounts.
 *
 * Only for a worker thread: its root and working directory are parted from those of the other threads.
 *
 * **Source:** unshare(2), setns(2), mount_namespaces(7).
 */
export const withMountNamespace = <T>(work: (namespace: number) => T): T => {
  check(unshare(CLONE_FS), "unshare");
  const home = openSync("/proc/thread-self/ns/mnt", "r");
  try {
    check(unshare(CLONE_NEWNS), "unshare");
    try {
      // A slave, so that what is unmounted outside does not stay busy in here.
      setPropagation("/", "slave", { recursive: true });
      const namespace = openSync("/proc/thread-self/ns/mnt", "r");
      try {
        return work(namespace);
      } catch (error) {
        closeSync(namespace);
        throw error;
      }
    } finally {
      check(setns(home, CLONE_NEWNS), "setns");
    }
  } finally {
    closeSync(home);
  }
};
