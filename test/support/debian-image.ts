// A real Debian root filesystem as an image's layer: made once by debootstrap from where this machine's apt gets its
// packages, and kept in build/cache, which is not in the repository.
import { execFileSync } from "node:child_process";
import type { StdioOptions } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageOf, layerOf } from "./image.ts";
import type { TestImage } from "./image.ts";

const cache = join(import.meta.dirname, "../../build/cache");
const buildTimeoutMs = 240_000;

const output = (command: string, args: readonly string[]): string =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26 });

/** The release that this machine runs, and the place that apt takes it from. */
const aptSource = (): { codename: string; uri: string } => {
  const codename = /^VERSION_CODENAME=(.+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  const format = "$(REPO_URI) $(CODENAME)";
  const found = output("/usr/bin/apt-get", ["indextargets", "--format", format, "Created-By: Packages"])
    .split("\n")
    .map((line) => line.split(" "))
    .find(([, name]) => name === codename);
  if (found?.[0] === undefined) throw new Error(`apt has no source for ${codename}: run apt-get update`);
  return { codename, uri: found[0] };
};

const imageTar = join(cache, "debian.tar");

/**
 * Makes the tar of a minimal Debian root, in about half a minute; does nothing when it is there. Needs the machine's
 * network, so it runs before the tests enter their sandbox: `bin/berth-node test/support/debian-image.ts [TAR PACKAGE …]`.
 *
 * @param packages what is installed in it beyond the minimum
 */
export const makeDebianTar = (target = imageTar, packages: readonly string[] = []): void => {
  if (existsSync(target)) return;
  const { codename, uri } = aptSource();
  mkdirSync(cache, { recursive: true });
  const root = mkdtempSync(join(tmpdir(), "berth-debian-"));
  const partial = `${target}.${process.pid}`;
  try {
    const stdio: StdioOptions = ["ignore", "ignore", "inherit"];
    const options = { stdio, timeout: buildTimeoutMs };
    const include = packages.length === 0 ? [] : [`--include=${packages.join(",")}`];
    execFileSync("/usr/sbin/debootstrap", ["--variant=minbase", ...include, codename, root, uri], options);
    rmSync(join(root, "var/cache/apt/archives"), { recursive: true, force: true });
    rmSync(join(root, "dev"), { recursive: true, force: true });
    execFileSync("/bin/tar", ["--sort=name", "--numeric-owner", "--xattrs", "-C", root, "-cf", partial, "."]);
    renameSync(partial, target);
  } finally {
    rmSync(partial, { force: true });
    rmSync(root, { recursive: true, force: true });
  }
};

/** An image of a minimal Debian, and a small layer on it. */
export const debianImage = (): TestImage =>
  imageOf({
    layers: [layerOf(readFileSync(imageTar)), layerOf([{ name: "etc/berth-test", content: "a layer on Debian\n" }])],
    config: { config: { Cmd: ["/bin/bash"], Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] } },
  });

if (import.meta.main) makeDebianTar(process.argv[2], process.argv.slice(3));
