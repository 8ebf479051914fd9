// Everything a fresh Debian with Node 20, npm and root lacks. Does nothing that is done already.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { bundledNode, must, onPath, root } from "./lib.mjs";

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
  "kmod",
  "tini",
  "ca-certificates",
  // to unpack layers and archives
  "isal",
  "gzip",
  "bzip2",
  "xz-utils",
  "zstd",
  "tar",
  // for the quick start's image and the tests
  "busybox-static",
  "curl",
  "conntrack",
  "debootstrap",
  "docker-registry",
  "libseccomp2",
  "util-linux",
  "openssl",
  "git",
];

const log = (text) => console.log(`setup: ${text}`);

const missingPackages = () => {
  const result = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...packages], {
    encoding: "utf8",
  });
  const installed = new Set(
    (result.stdout ?? "")
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return packages.filter((name) => !installed.has(name));
};

const installPackages = () => {
  const missing = missingPackages();
  if (missing.length === 0) return;
  log(`installing Debian packages: ${missing.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // A package that brings a service must not start it: the tests start their own registry.
  const policy = "/usr/sbin/policy-rc.d";
  const guard = existsSync(policy) ? "" : policy;
  const script = [
    guard && `printf '#!/bin/sh\\nexit 101\\n' > ${guard} && chmod +x ${guard}`,
    `apt-get update -qq`,
    `apt-get install -y -qq --no-install-recommends ${missing.join(" ")} >/tmp/berth-setup-apt.log 2>&1 || { cat /tmp/berth-setup-apt.log; false; }`,
  ]
    .filter(Boolean)
    .join(" && ");
  const result = spawnSync("sh", ["-c", `trap '${guard && `rm -f ${guard}`}' EXIT; ${script}`], {
    env,
    stdio: "inherit",
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
};

const installDependencies = () => {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules/.package-lock.json");
  if (existsSync(bundledNode) && existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  log("installing dependencies from npm");
  // Not `npm ci`: it refuses a lock file without the binaries of other platforms, which not every registry has.
  must("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
  const now = new Date();
  utimesSync(installed, now, now);
};

const compileShim = () => {
  const folder = join(root, "native/shim");
  const sources = existsSync(folder) ? readdirSync(folder).filter((name) => /\.[ch]$/.test(name)) : [];
  if (!sources.some((name) => name.endsWith(".c"))) return;
  const target = join(root, "build/berth-shim");
  const newest = Math.max(...sources.map((name) => statSync(join(folder, name)).mtimeMs));
  if (existsSync(target) && statSync(target).mtimeMs > newest) return;
  log("compiling the shim");
  mkdirSync(join(root, "build"), { recursive: true });
  const flags = readFileSync(join(folder, "cflags"), "utf8").split(/\s+/).filter(Boolean);
  const inputs = sources.filter((name) => name.endsWith(".c")).map((name) => join(folder, name));
  must("musl-gcc", [...flags, "-o", `${target}.new`, ...inputs]);
  must("mv", [`${target}.new`, target]);
};

// The stock client, for the tests that drive Berth through it. Only the client: Debian's package brings another engine,
// which is not installed, so that Berth still finds itself alone on the machine.
const provideDockerClient = () => {
  const target = join(root, "build/docker-cli/docker");
  if (onPath("docker") || existsSync(target)) return;
  log("unpacking the docker client of Debian's docker.io");
  const script = [
    `folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT && cd "$folder"`,
    // From Debian 13 on the client has a package of its own.
    `get() { apt-get -o APT::Sandbox::User=root -qq download "$1" 2>/dev/null; }`,
    `{ get docker-cli || get docker.io || { apt-get update -qq && { get docker-cli || get docker.io; }; }; }`,
    `dpkg -x ./*.deb . && mkdir -p "$(dirname "$1")" && mv usr/bin/docker "$1"`,
  ].join(" && ");
  must("sh", ["-c", script, "sh", target]);
};

if (process.getuid?.() !== 0) {
  console.error("setup: Berth's set-up installs packages and needs root. Run it as root.");
  process.exit(1);
}
installPackages();
installDependencies();
compileShim();
provideDockerClient();
