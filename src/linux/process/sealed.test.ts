import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SealedProgram } from "./sealed.ts";
import { spawn } from "./spawn.ts";

const withProgram = async (work: (path: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "berth-sealed-"));
  try {
    copyFileSync("/bin/true", join(folder, "program"));
    await work(join(folder, "program"));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("the copy has the program's bytes, runs, and can be changed by nobody", () =>
  withProgram(async (path) => {
    using program = new SealedProgram(path);
    const fd = program.fd() ?? assert.fail("no copy");
    assert.deepEqual(readFileSync(`/proc/self/fd/${fd}`), readFileSync(path));
    const writable = openSync(`/proc/self/fd/${fd}`, "r+");
    try {
      assert.throws(() => writeSync(writable, "x"), { code: "EPERM" });
      assert.throws(() => ftruncateSync(writable), { code: "EPERM" });
    } finally {
      closeSync(writable);
    }
    const child = spawn([`/proc/${process.pid}/fd/${fd}`]);
    assert.deepEqual(await child.exited, { code: 0, signal: null });
  }));

test("it is made once, and again when the file has changed", () =>
  withProgram(async (path) => {
    using program = new SealedProgram(path);
    const first = program.fd() ?? assert.fail("no copy");
    assert.equal(program.fd(), first);
    copyFileSync("/bin/false", path);
    chmodSync(path, 0o755);
    utimesSync(path, 1, 1);
    const second = program.fd() ?? assert.fail("no copy");
    assert.deepEqual(readFileSync(`/proc/self/fd/${second}`), readFileSync("/bin/false"));
  }));

test("a program that is not there has no copy", () => {
  using program = new SealedProgram("/no/such/program");
  assert.equal(program.fd(), null);
});
