// Programs that the tests drive, taken out of Debian's packages without installing them: docker.io would bring dockerd,
// which Berth takes for another engine on the host, and docker-registry a service that starts with the machine.
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

/** Takes usr/bin/<program> out of a package's archive, to build/<folder>/<program>. */
const unpack = (packageName, program, folder) => {
  console.log(`setup: unpacking ${program} from Debian's ${packageName}`);
  mkdirSync(join(build, folder), { recursive: true });
  const scratch = mkdtempSync(join(build, "unpack-"));
  try {
    apt(["download", packageName], { cwd: scratch });
    const archive = readdirSync(scratch).find((name) => name.endsWith(".deb"));
    if (archive === undefined) fail(`setup: apt-get brought no ${packageName}`);
    output("dpkg-deb", ["--extract", archive, "files"], { cwd: scratch });
    renameSync(join(scratch, "files/usr/bin", program), join(build, folder, program));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

export const unpackPrograms = () => {
  if (!existsSync(join(build, "docker-cli/docker")) && !isDockerClient(findOnPath("docker"))) {
    unpack(clientPackage(), "docker", "docker-cli");
  }
  if (!existsSync(join(build, "docker-registry/docker-registry")) && findOnPath("docker-registry") === undefined) {
    unpack("docker-registry", "docker-registry", "docker-registry");
  }
};
