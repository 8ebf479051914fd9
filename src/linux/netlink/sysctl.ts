import { readFileSync, writeFileSync } from "node:fs";

const path = (name: readonly string[]): string => {
  for (const part of name) {
    if (part === "" || part === "." || part === ".." || part.includes("/"))
      throw new RangeError(`not a sysctl: ${name.join("/")}`);
  }
  return `/proc/sys/${name.join("/")}`;
};

/**
 * Writes a sysctl, given by its parts ("net", "ipv4", "conf", "eth0.1", "route_localnet": an interface's name may hold
 * dots). Files below /proc/sys/net show the namespace of the *thread* that opens them: call this inside
 * `withNetworkNamespace` for another one, it never leaves the thread.
 *
 * @throws the error of fs (ENOENT: this kernel has it not, or no such interface).
 */
export const writeSysctl = (name: readonly string[], value: string | number): void =>
  writeFileSync(path(name), String(value), { flag: "r+" });

/** Reads a sysctl, as `writeSysctl` writes it. */
export const readSysctl = (name: readonly string[]): string => readFileSync(path(name), "utf8").trim();
