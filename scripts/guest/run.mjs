// The engine on machines with cgroup v2 alone: Debian's kernel in an emulated machine, with this checkout on its disk.
// Once with the cgroupfs driver and no other service, and once with systemd as the first process and the cgroup driver.
// Usage: node scripts/guest/run.mjs [--busybox | --systemd] [PATTERN]
//        (PATTERN: only checks whose name it matches; needs apt's package lists, and two to ten minutes for each machine)
import { makeDisk, missingTools } from "./disk.mjs";
import { machines } from "./machines.mjs";
import { preparePackages } from "./packages.mjs";
import { runMachine } from "./qemu.mjs";

const missing = missingTools();
if (missing.length > 0) {
  console.error(`test:guest needs ${missing.join(", ")}: run npm run setup`);
  process.exit(1);
}
const chosen = Object.keys(machines).filter((name) => process.argv.includes(`--${name}`));
const pattern = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
preparePackages();
const results = [];
for (const name of chosen.length > 0 ? chosen : Object.keys(machines)) {
  const start = Date.now();
  const result = await runMachine(makeDisk(machines[name]), machines[name].boot, pattern);
  results.push(result);
  const { passed, failed, ended } = result;
  const seconds = Math.round((Date.now() - start) / 1000);
  console.log(
    `${name}: ${passed} passed, ${failed} failed${ended ? "" : ", the guest did not end well"} (${seconds} s)`,
  );
}
process.exit(results.every(({ passed, failed, ended }) => ended && failed === 0 && passed > 0) ? 0 : 1);
