// The whole test suite: set-up, then unit, contract and architecture tests, then everything that runs real containers.
// Usage: node scripts/test.mjs [--no-setup] [FILE ...]   (FILE: only these test files)
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { node, root } from "./lib.mjs";

const args = process.argv.slice(2);
if (!args.includes("--no-setup")) await import("./setup.mjs");
const only = args.filter((arg) => !arg.startsWith("--"));

const find = (pattern) =>
  spawnSync(node, ["-e", `console.log(require("fs").globSync(${JSON.stringify(pattern)}).sort().join("\\n"))`], {
    cwd: root,
    encoding: "utf8",
  })
    .stdout.split("\n")
    .filter(Boolean);
const plain = find("src/**/*.test.ts").concat(find("test/*.test.ts"));
// Each of these files runs in namespaces of its own, so two at a time do not meet.
const sandboxed = find("test/{integration,conformance,security,cli,crash}/**/*.test.ts");
const wanted = (file) => only.length === 0 || only.some((name) => file.includes(name));

const nodeTest = ["--test", "--test-timeout=240000", "--test-reporter=spec"];
let failed = 0;
let passed = 0;
const count = (result) => {
  const text = result.stdout ?? "";
  process.stdout.write(text);
  passed += Number(/^ℹ pass (\d+)$/m.exec(text)?.[1] ?? 0);
  failed += Number(/^ℹ fail (\d+)$/m.exec(text)?.[1] ?? 0) + Number(/^ℹ cancelled (\d+)$/m.exec(text)?.[1] ?? 0);
  if (result.status !== 0 && !/^ℹ fail [1-9]/m.test(text)) failed += 1;
};
const run = (command, commandArgs) =>
  count(
    spawnSync(command, commandArgs, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      maxBuffer: 1 << 28,
    }),
  );

const plainFiles = plain.filter(wanted);
if (plainFiles.length > 0) run(node, [...nodeTest, ...plainFiles]);
// The sandbox has no network: what comes from Debian is fetched before.
if (sandboxed.some((file) => wanted(file) && file.includes("debian"))) run(node, ["test/support/debian-image.ts"]);
for (const file of sandboxed.filter(wanted)) run(join(root, "scripts/sandbox.sh"), [node, ...nodeTest, file]);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
