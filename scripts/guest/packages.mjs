// Debian's qemu and cloud kernel, unpacked below build/guest: nothing is installed on this machine.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must, root } from "../lib.mjs";

export const folder = join(root, "build/guest");
/** Where the packages' files are. */
export const sysroot = join(folder, "root");
const archives = join(folder, "deb");

const lines = (command, args) =>
  spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26 })
    .stdout.split("\n")
    .filter(Boolean);

/** The newest kernel for virtual machines that apt knows, and qemu with what it needs beyond what is installed. */
const wanted = () => {
  const kernel = lines("apt-cache", ["depends", "linux-image-cloud-amd64"])
    .map((line) => /Depends: (linux-image-\S+)/.exec(line)?.[1])
    .find((name) => name !== undefined);
  if (kernel === undefined) throw new Error("apt knows no linux-image-cloud-amd64: run apt-get update");
  const needed = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(
    (kind) => `--no-${kind}`,
  );
  const closure = lines("apt-cache", ["depends", "--recurse", ...needed, "qemu-system-x86"]).filter(
    (line) => /^[a-z]/.test(line) && !line.includes(":"),
  );
  const installed = new Set(
    lines("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n"])
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return [kernel, "apparmor", ...new Set(closure.filter((name) => !installed.has(name)))];
};

/** Downloads and unpacks once; later calls do nothing. */
export const preparePackages = () => {
  if (existsSync(join(folder, "ready"))) return;
  mkdirSync(archives, { recursive: true });
  mkdirSync(sysroot, { recursive: true });
  must("apt-get", ["download", "-q", ...wanted()], { cwd: archives });
  for (const name of readdirSync(archives)) must("dpkg", ["-x", join(archives, name), sysroot]);
  writeFileSync(join(folder, "ready"), "");
};

/** Version of the kernel that was unpacked: `6.1.0-56-cloud-amd64`. */
export const kernelVersion = () => readdirSync(join(sysroot, "lib/modules"))[0];
