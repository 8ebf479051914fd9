// Breaks a copy of this checkout in one named way at a time, and runs the test that must notice.
// Usage: node scripts/mutate-security.mjs [--list] [NAME ...]   (root; each takes some seconds)
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { node, root } from "./lib.mjs";
import { breaks } from "./security-breaks.mjs";

const args = process.argv.slice(2);
const wanted = breaks.filter(({ name }) => args.length === 0 || args.includes("--list") || args.includes(name));
if (args.includes("--list")) {
  for (const { name, test, only } of wanted) console.log(`${name}\t${test}\t${only}`);
  process.exit(0);
}

const copy = mkdtempSync(join(tmpdir(), "berth-mutant-"));
for (const name of ["src", "test", "bin", "scripts", "native", "package.json", "tsconfig.json"])
  cpSync(join(root, name), join(copy, name), { recursive: true });
cpSync(join(root, "build/berth-shim"), join(copy, "build/berth-shim"));
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));

/** The tests that ran and their number of failures. */
const runTest = ({ test, only }) => {
  const options = ["--test", "--test-timeout=120000", "--test-reporter=tap", `--test-name-pattern=${only}`];
  const { stdout } = spawnSync(join(copy, "scripts/test/sandbox.sh"), [node, ...options, join(copy, test)], {
    cwd: copy,
    encoding: "utf8",
    timeout: 150_000,
    // unshare(1) lets SIGTERM pass it by.
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(stdout)?.[1] ?? Number.NaN);
  const reason = /^ *error: (?:\|-\n\s*)?(.*)$/m.exec(stdout)?.[1] ?? "";
  return { ran: count("tests"), passed: count("pass"), failed: count("fail"), reason };
};

let survived = 0;
for (const { name, file, find, replace, also = [], ...which } of wanted) {
  const edits = [{ file, find, replace }, ...also];
  const originals = new Map();
  let stale = false;
  for (const edit of edits) {
    const path = join(copy, edit.file);
    const text = readFileSync(path, "utf8");
    if (!originals.has(path)) originals.set(path, text);
    if (!text.includes(edit.find)) {
      console.log(`STALE     ${name}: ${edit.file} does not hold ${JSON.stringify(edit.find)}`);
      stale = true;
    }
    writeFileSync(
      path,
      text.replace(edit.find, () => edit.replace),
    );
  }
  const { ran, failed, reason } = stale ? { ran: 0, failed: 0, reason: "" } : runTest(which);
  for (const [path, text] of originals) writeFileSync(path, text);
  const noticed = ran > 0 && failed > 0;
  if (!noticed) survived++;
  const why = noticed ? ` (${reason.slice(0, 100)})` : "";
  console.log(`${noticed ? "noticed  " : "SURVIVED "} ${name}: ${failed} of ${ran} failed${why}`);
}
rmSync(copy, { recursive: true, force: true });
console.log(`${wanted.length - survived} of ${wanted.length} breaks were noticed`);
process.exit(survived === 0 ? 0 : 1);
