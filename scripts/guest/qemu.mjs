import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sysroot } from "./packages.mjs";

/** Ends a machine that hangs. Emulated on one busy processor, all checks have taken 15 minutes. */
const limitMs = 40 * 60_000;

const libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map((name) => join(sysroot, name)).join(":");
const firmware = ["usr/share/qemu", "usr/share/seabios"].map((name) => join(sysroot, name)).filter(existsSync);

/**
 * Runs a machine until it powers itself off, and shows what it says.
 * @param files of `makeDisk`
 * @param boot further arguments of the kernel
 * @param pattern names the checks to run; empty: all
 * @returns `ended`: the checks ran to their end and said that all was well
 */
export const runMachine = async ({ disk, initramfs, kernel }, boot, pattern) => {
  // The kernel's own lines, one for each process out of memory, would cut those of the checks in two.
  const kernelArguments = ["console=ttyS0 loglevel=1 panic=-1 random.trust_cpu=on", ...boot, `berth.only=${pattern}`];
  const qemu = spawn(
    join(sysroot, "usr/bin/qemu-system-x86_64"),
    [
      // Without memory protection keys, which V8 switches at each compilation (emulated: slow, and it has failed a check of
      // its own there), and without a fifth level of page tables.
      ...["-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max,pku=off,la57=off", "-smp", "2", "-m", "2048"],
      ...firmware.flatMap((path) => ["-L", path]),
      ...["-kernel", kernel, "-initrd", initramfs, "-append", kernelArguments.join(" ")],
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
  const result = { passed: 0, failed: 0, ended: false };
  for await (const line of createInterface({ input: qemu.stdout })) {
    console.log(line);
    if (line.startsWith("PASS ")) result.passed++;
    if (line.startsWith("FAIL ")) result.failed++;
    if (line.startsWith("GUEST ENDED 0")) result.ended = true;
  }
  clearTimeout(overdue);
  return result;
};
