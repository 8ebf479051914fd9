// The whole test suite: set-up, then unit and architecture tests, then everything that runs real containers.
// Usage: node scripts/test.mjs [--no-setup] [FILE ...]   (FILE: only test files whose path has this in it)
import { join } from "node:path";
import { must, node, output, root } from "./lib.mjs";
import { endGroups, runTests } from "./test/run.mjs";

const args = process.argv.slice(2);
if (!args.includes("--no-setup")) await import("./setup.mjs");
const only = args.filter((arg) => !arg.startsWith("--"));

// The system's Node may be 20, which has no globSync.
const glob = "console.log(require('node:fs').globSync(process.argv[1]).sort().join('\\n'))";
const find = (pattern) =>
  output(node, ["-e", glob, pattern])
    .split("\n")
    .filter((file) => file !== "" && (only.length === 0 || only.some((part) => file.includes(part))));
const plain = [...find("src/**/*.test.ts"), ...find("test/*.test.ts")];
const sandboxed = find("test/{integration,conformance,security,cli,crash}/**/*.test.ts");

// The sandbox has no network: what comes from Debian is fetched before.
if (sandboxed.some((file) => file.includes("debian"))) must(node, ["test/support/debian-image.ts"]);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    endGroups();
    process.exit(130);
  });
}
const sandbox = join(root, "scripts/test/sandbox.sh");
const { passed, failed } = await runTests([
  ...(plain.length > 0 ? [{ name: "unit and architecture tests", command: [node], files: plain }] : []),
  ...sandboxed.map((file) => ({ name: file, command: [sandbox, node], files: [file] })),
]);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
