// Everything a fresh Debian 12 with Node 20, npm and root lacks. Does nothing that is done already.
import { existsSync } from "node:fs";
import { fail, findOnPath } from "./lib.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { installPackages } from "./setup/packages.mjs";
import { compileShim } from "./setup/shim.mjs";
import { unpackPrograms } from "./setup/unpack.mjs";

if (process.platform !== "linux") fail("setup: Berth runs containers on Linux only.");
if (process.getuid() !== 0) fail("setup: Berth's set-up installs packages and needs root: run it as root.");
if (!existsSync("/etc/debian_version") || findOnPath("apt-get") === undefined) {
  fail("setup: this is not Debian: apt-get is missing. scripts/setup/packages.mjs lists what Berth needs.");
}
installPackages();
installDependencies();
compileShim();
unpackPrograms();
