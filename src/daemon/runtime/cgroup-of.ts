import { join } from "node:path";

/**
 * The directory, below every hierarchy's root, that a runtime makes of `cgroupsPath`: the path itself with cgroupfs;
 * with systemd a scope in a slice, and each dash in a slice's name is a level.
 *
 * **Source:** runtime-spec config-linux.md, systemd.slice(5).
 */
export const cgroupDirectory = (cgroupsPath: string): string => {
  const [slice, prefix, name, ...rest] = cgroupsPath.split(":");
  if (cgroupsPath.startsWith("/") || name === undefined || rest.length > 0) return join("/", cgroupsPath);
  const scope = prefix === "" ? `${name}.scope` : `${prefix}-${name}.scope`;
  const parts = (slice || "system.slice").replace(/\.slice$/, "").split("-");
  const levels = parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`);
  return join("/", ...levels.filter((level) => level !== ".slice"), scope);
};
