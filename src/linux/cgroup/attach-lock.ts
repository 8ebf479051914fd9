import { close, open, readFileSync, write } from "node:fs";
import { directoryOf, parseMembership } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";

/**
 * Makes the kernel's lock for moving processes between cgroups ready ahead of a move.
 *
 * The first move after a pause waits 4–15 ms for an RCU grace period, whoever asks; one that follows within about a grace
 * period (8 ms and more) waits for nothing. So a move of this process to where it is already, begun when a container is
 * about to be made, takes the wait out of the runtime's way.
 *
 * **Source:** kernel/cgroup/cgroup.c (cgroup_threadgroup_rwsem), kernel/rcu/sync.c.
 */
export class AttachLock {
  readonly #layout: CgroupLayout;
  readonly #membership: () => ReadonlyMap<string, string>;
  #busy = false;

  /** @param membership of this process, as /proc/self/cgroup shows it now: it may have been moved since the last time */
  constructor(layout: CgroupLayout, membership: () => ReadonlyMap<string, string> = ownMembership) {
    this.#layout = layout;
    this.#membership = membership;
  }

  /** Begins it and returns at once. Without a cgroup that may be written there is nothing to gain, and nothing fails. */
  prepare(): void {
    if (this.#busy) return;
    const file = ownProcs(this.#layout, this.#membership());
    if (file === null) return;
    this.#busy = true;
    const done = (): void => void (this.#busy = false);
    open(file, "w", (failed, fd) => {
      if (failed) return done();
      // "0" is the writer itself.
      write(fd, "0", () => close(fd, done));
    });
  }
}

/** Nothing when it cannot be read, as when descriptors are short. */
const ownMembership = (): ReadonlyMap<string, string> => {
  try {
    return parseMembership(readFileSync("/proc/self/cgroup", "utf8"));
  } catch {
    return new Map();
  }
};

/** The `cgroup.procs` that lists this process, in any one hierarchy: they share the lock. */
const ownProcs = (layout: CgroupLayout, membership: ReadonlyMap<string, string>): string | null => {
  for (const [controller, path] of membership) {
    const directory = directoryOf(layout, path, controller);
    if (directory !== null) return `${directory}/cgroup.procs`;
  }
  return null;
};
