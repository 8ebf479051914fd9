// Programs that the tests drive, taken out of Debian's packages without installing them: docker.io would bring dockerd,
// which Berth takes for another engine on the host, and it, containerd and docker-registry start services.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fail, findOnPath, output, root } from "../lib.mjs";
import { apt } from "./packages.mjs";

const build = join(root, "build");

/** Debian 13 and later have the client in a package of its own. */
const clientPackage = () =>
  spawnSync("apt-cache", ["show", "docker-cli"], { stdio: "ignore" }).status === 0 ? "docker-cli" : "docker.io";

const isDockerClient = (path) =>
  path !== undefined && spawnSync(path, ["--version"], { encoding: "utf8" }).stdout?.startsWith("Docker version");

/** Takes programs out of a package's archive, to build/<folder>/<program>, the last of them last. */
const unpack = (packageName, programs, folder) => {
  console.log(`setup: unpacking ${programs.join(", ")} from Debian's ${packageName}`);
  mkdirSync(join(build, folder), { recursive: true });
  const scratch = mkdtempSync(join(build, "unpack-"));
  try {
    apt(["download", packageName], { cwd: scratch });
    const archive = readdirSync(scratch).find((name) => name.endsWith(".deb"));
    if (archive === undefined) fail(`setup: apt-get brought no ${packageName}`);
    output("dpkg-deb", ["--extract", archive, "files"], { cwd: scratch });
    for (const program of programs) {
      const found = ["usr/bin", "usr/sbin"].map((name) => join(scratch, "files", name, program)).find(existsSync);
      if (found === undefined) fail(`setup: Debian's ${packageName} holds no ${program}`);
      renameSync(found, join(build, folder, program));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

const isUnpacked = (program, folder) => existsSync(join(build, folder, program));

/** What a dockerd needs beside the runc that is installed; a test runs it on one host with Berth. */
const unpackDockerEngine = () => {
  const folder = "docker-engine";
  if (!isUnpacked("containerd", folder)) unpack("containerd", ["containerd-shim-runc-v2", "containerd"], folder);
  if (!isUnpacked("dockerd", folder)) unpack("docker.io", ["docker-proxy", "dockerd"], folder);
};

/** Clients of registries. podman would bring a network and its own policies, and wants conmon beside it. */
const unpackRegistryClients = () => {
  const folder = "registry-clients";
  for (const [packageName, program] of [
    ["skopeo", "skopeo"],
    ["umoci", "umoci"],
    ["conmon", "conmon"],
    ["podman", "podman"],
  ]) {
    if (!isUnpacked(program, folder)) unpack(packageName, [program], folder);
  }
};

export const unpackPrograms = () => {
  if (!isUnpacked("docker", "docker-cli") && !isDockerClient(findOnPath("docker"))) {
    unpack(clientPackage(), ["docker"], "docker-cli");
  }
  if (!isUnpacked("docker-registry", "docker-registry") && findOnPath("docker-registry") === undefined) {
    unpack("docker-registry", ["docker-registry"], "docker-registry");
  }
  unpackDockerEngine();
  unpackRegistryClients();
};
