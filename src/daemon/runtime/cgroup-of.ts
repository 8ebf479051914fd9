import { join } from "node:path";

/**
 * crun makes a cgroup of its own below the scope that systemd gives it, which systemd leaves alone, and there are the
 * limits and the processes. Told by annotation, because its versions differ in when they do so.
 *
 * **Source:** crun(1) `run.oci.systemd.subgroup=SUBGROUP`.
 */
export const crunSubgroup = "container";

/**
 * The directory, below every hierarchy's root, that a runtime makes of `cgroupsPath`: the path itself with cgroupfs;
 * with systemd a scope in a slice, and each dash in a slice's name is a level.
 *
 * @param subgroup what the runtime makes below a scope; empty: nothing
 *
 * **Source:** runtime-spec config-linux.md, systemd.slice(5).
 */
export const cgroupDirectory = (cgroupsPath: string, subgroup = ""): string => {
  const [slice, prefix, name, ...rest] = cgroupsPath.split(":");
  if (cgroupsPath.startsWith("/") || name === undefined || rest.length > 0) return join("/", cgroupsPath);
  const scope = prefix === "" ? `${name}.scope` : `${prefix}-${name}.scope`;
  const parts = (slice || "system.slice").replace(/\.slice$/, "").split("-");
  // "-.slice" is the root, and has no name of its own in a path.
  const levels = slice === "-.slice" ? [] : parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`);
  return join("/", ...levels, scope, subgroup);
};
