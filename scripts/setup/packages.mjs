import { spawnSync } from "node:child_process";
import { output } from "../lib.mjs";

/** Debian packages, by what they are for. None has a service that its installation would start. */
const packages = [
  // to build the shim
  "gcc",
  "libc6-dev",
  "musl-tools",
  // to run containers
  "crun",
  "runc",
  "iptables",
  "nftables",
  "iproute2",
  "procps",
  "mount",
  "util-linux",
  "tini",
  "ca-certificates",
  // to pack and unpack layers and archives
  "isal",
  "gzip",
  "bzip2",
  "xz-utils",
  "zstd",
  "tar",
  // for the quick start's image
  "busybox-static",
  // for the tests
  "btrfs-progs",
  "curl",
  "conntrack",
  "debootstrap",
  "diffutils",
  "e2fsprogs",
  "findutils",
  "fuse-overlayfs",
  "kmod",
  "libdevmapper1.02.1", // for dockerd, skopeo and podman
  "libgpgme11", // for skopeo and podman
  "libseccomp2",
  "libsubid4", // for podman
  "openssl",
  "python3-minimal",
  "xfsprogs",
];

const aptOptions = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root"];
const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
let listsAreFresh = false;

/**
 * Runs apt-get with package lists of today.
 * @returns its output; ends the process when it fails
 */
export const apt = (args, options = {}) => {
  if (!listsAreFresh) output("apt-get", [...aptOptions, "update"], { env });
  listsAreFresh = true;
  return output("apt-get", [...aptOptions, ...args], { env, ...options });
};

const missingPackages = () => {
  const result = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...packages], {
    encoding: "utf8",
  });
  const installed = new Set(
    result.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return packages.filter((name) => !installed.has(name));
};

export const installPackages = () => {
  const missing = missingPackages();
  if (missing.length === 0) return;
  console.log(`setup: installing Debian packages: ${missing.join(" ")}`);
  apt(["install", "-y", "--no-install-recommends", ...missing]);
};
