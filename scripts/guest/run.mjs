// The engine on a machine with cgroup v2 alone: Debian's kernel in an emulated machine, with this checkout on its disk.
// Usage: node scripts/guest/run.mjs [PATTERN]   (PATTERN: only checks whose name it matches; needs apt's package lists, and about a minute)
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeDisk, missingTools } from "./disk.mjs";
import { preparePackages, sysroot } from "./packages.mjs";

const limitMs = 10 * 60_000;

const missing = missingTools();
if (missing.length > 0) {
  console.error(`test:guest needs ${missing.join(", ")}: run npm run setup`);
  process.exit(1);
}
preparePackages();
const { disk, initramfs, kernel } = makeDisk();

const libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map((name) => join(sysroot, name)).join(":");
const firmware = ["usr/share/qemu", "usr/share/seabios"].map((name) => join(sysroot, name)).filter(existsSync);
const qemu = spawn(
  join(sysroot, "usr/bin/qemu-system-x86_64"),
  [
    ...["-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048"],
    ...firmware.flatMap((path) => ["-L", path]),
    ...[
      "-kernel",
      kernel,
      "-initrd",
      initramfs,
      "-append",
      `console=ttyS0 quiet panic=-1 random.trust_cpu=on berth.only=${process.argv[2] ?? ""}`,
    ],
    ...["-drive", `file=${disk},if=virtio,format=raw,cache=unsafe`],
    ...["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"],
  ],
  {
    env: {
      ...process.env,
      LD_LIBRARY_PATH: libraries,
      QEMU_MODULE_DIR: join(sysroot, "usr/lib/x86_64-linux-gnu/qemu"),
    },
    stdio: ["ignore", "pipe", "inherit"],
  },
);
const overdue = setTimeout(() => qemu.kill("SIGKILL"), limitMs);
let passed = 0;
let failed = 0;
let ended = false;
for await (const line of createInterface({ input: qemu.stdout })) {
  console.log(line);
  if (line.startsWith("PASS ")) passed++;
  if (line.startsWith("FAIL ")) failed++;
  if (line.startsWith("GUEST ENDED 0")) ended = true;
}
clearTimeout(overdue);
console.log(`${passed} passed, ${failed} failed${ended ? "" : ", the guest did not end well"}`);
process.exit(ended && failed === 0 && passed > 0 ? 0 : 1);
