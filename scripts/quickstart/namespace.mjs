// Some machines have cgroup v1 controllers with a v2 tree beside them, or no pids controller: crun refuses the one, and
// pids limits fail with the other. There the daemon gets a mount namespace in which that is put right, and nothing
// changes for the rest of the machine. The namespace is made once and pinned to a file: a daemon that starts again has
// to see the mounts of the containers that run. Where cgroups are in order, the daemon runs in the machine's own.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fail, must } from "../lib.mjs";

export const stateFolder = "/run/berth-quickstart";
const pinFolder = join(stateFolder, "namespace");
const pin = join(pinFolder, "mount");

/** Mounts of this namespace: where, and of what type. */
const mounts = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      return { target: before.split(" ")[4], type: after.split(" ")[0] };
    });

const typeAt = (path) => mounts().findLast(({ target }) => target === path)?.type;

const isPinned = () => typeAt(pin) === "nsfs";

const cgroupsNeedCare = () =>
  existsSync("/sys/fs/cgroup/memory") &&
  (typeAt("/sys/fs/cgroup/unified") !== undefined || typeAt("/sys/fs/cgroup/pids") === undefined);

// What is mounted on the machine later shows inside too (slave), nothing inside shows outside.
const arrange = `
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
  if ! mountpoint -q /sys/fs/cgroup/pids; then
    mkdir -p /sys/fs/cgroup/pids
    mount -t cgroup -o pids cgroup /sys/fs/cgroup/pids || true
  fi
`;

const makeNamespace = () => {
  mkdirSync(pinFolder, { recursive: true });
  // A namespace can be pinned only on a mount that no other namespace sees.
  if (typeAt(pinFolder) === undefined) {
    must("mount", ["--bind", pinFolder, pinFolder]);
    must("mount", ["--make-private", pinFolder]);
  }
  writeFileSync(pin, "");
  // Only a namespace with a higher number than ours can be pinned in ours, and kernels from 6.18 on hand numbers out to
  // processors in batches: one that another processor makes may have a lower one.
  let refused = "";
  for (let cpu = 0; cpu < cpus().length; cpu += 1) {
    const made = spawnSync(
      "taskset",
      ["--cpu-list", String(cpu), "unshare", `--mount=${pin}`, "--propagation", "slave", "sh", "-c", arrange],
      { encoding: "utf8" },
    );
    if (made.status === 0) return;
    refused = made.error?.message ?? made.stderr.trim();
  }
  fail(refused);
};

/** The command line that leads into the daemon's mount namespace; empty for the machine's own. */
export const entering = () => {
  if (!isPinned() && cgroupsNeedCare()) makeNamespace();
  return isPinned() ? ["nsenter", `--mount=${pin}`, "--"] : [];
};

/** Lets the namespace go, once no container needs it. */
export const unpinNamespace = () => {
  if (isPinned()) must("umount", [pin]);
  if (typeAt(pinFolder) !== undefined) must("umount", [pinFolder]);
  rmSync(stateFolder, { recursive: true, force: true });
};
