import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mountTable } from "../mount/table.ts";
import type { MountInfo } from "../mount/table.ts";

/** Which cgroup hierarchies the machine has. */
export interface CgroupLayout {
  /** 2 when every controller is in the one unified tree, else 1 (a hybrid has both kinds of mounts). */
  version: 1 | 2;
  /** v1 controllers that are mounted, or what the root of the unified tree offers. */
  controllers: Set<string>;
  /** v1: controller (also "name=systemd") → mount point. */
  roots: Map<string, string>;
  /** Mount point of the cgroup2 tree; on a hybrid the one beside the v1 mounts. */
  unified: string | null;
}

/** Reads the mounts of this process. **Source:** cgroups(7). */
export const detect = (table: readonly MountInfo[] = mountTable()): CgroupLayout => {
  const roots = new Map<string, string>();
  let unified: string | null = null;
  for (const { type, target, superOptions } of table) {
    if (type === "cgroup2") unified = target;
    if (type !== "cgroup") continue;
    for (const option of superOptions)
      if (/^(name=.*|[a-z_]+)$/.test(option) && !notControllers.has(option)) roots.set(option, target);
  }
  if (roots.size > 0) return { version: 1, controllers: new Set(roots.keys()), roots, unified };
  if (unified === null) return { version: 1, controllers: new Set(), roots, unified };
  return { version: 2, controllers: controllersAt(unified), roots, unified };
};

const notControllers = new Set(["rw", "ro", "xattr", "clone_children", "noprefix", "release_agent", "cpuset_v2_mode"]);

const controllersAt = (root: string): Set<string> =>
  new Set(readFileSync(join(root, "cgroup.controllers"), "utf8").trim().split(" ").filter(Boolean));

/**
 * The directory of a cgroup: in the hierarchy of a v1 controller, or in the unified tree on v2. Null when the machine
 * has no such hierarchy.
 *
 * @param path as the runtime was given it and /proc/PID/cgroup shows it: "/docker/<id>".
 */
export const directoryOf = (layout: CgroupLayout, path: string, controller: string): string | null => {
  const root = layout.version === 2 ? layout.unified : layout.roots.get(controller);
  return root === null || root === undefined ? null : join(root, join("/", path));
};

/** Every directory that a cgroup's path names, one for each hierarchy, whether it exists or not. */
export const allDirectories = (layout: CgroupLayout, path: string): string[] => {
  const roots = new Set([...layout.roots.values(), ...(layout.unified === null ? [] : [layout.unified])]);
  return [...roots].map((root) => join(root, join("/", path)));
};

/** Where a process is: v1 controller → path, "" for the unified tree. **Source:** cgroups(7), /proc/PID/cgroup. */
export const parseMembership = (text: string): Map<string, string> => {
  const entries = text.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    return match === null ? [] : (match[1] ?? "").split(",").map((name) => [name, match[2] ?? ""] as const);
  });
  return new Map(entries);
};
