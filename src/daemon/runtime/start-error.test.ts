import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../base/errors.ts";
import { containerStartError, execStartError } from "./start-error.ts";

const create = "failed to create task for container: failed to create shim task: OCI runtime create failed: ";
const said = (stderr: string, log = ""): { status: number; stderr: string; log: string } => ({
  status: 1,
  stderr,
  log,
});
const logged = (msg: string): string => `${JSON.stringify({ level: "error", msg, time: "2026-01-01T00:00:00Z" })}\n`;

test("the runtimes' words become Docker's, with the exit code that is stored", () => {
  const table: [stderr: string, log: string, text: string, exitCode: number][] = [
    [
      "",
      "executable file `x` not found in $PATH: No such file or directory",
      'exec: "x": executable file not found in $PATH',
      127,
    ],
    [
      "",
      "executable file `/x` not found in $PATH: No such file or directory",
      'exec: "/x": stat /x: no such file or directory',
      127,
    ],
    ["", "open executable: Permission denied", 'exec: "cmd": permission denied', 126],
    ["", "open executable: Not a directory", 'exec: "cmd": stat cmd: not a directory', 127],
    ["", logged("exec container process `/x`: Exec format error"), "exec /x: exec format error", 128],
    [
      "",
      logged("chdir `/f`: Not a directory"),
      'error during container init: chdir to cwd ("/f") set in config.json failed: not a directory',
      127,
    ],
    [
      "",
      logged("error stat'ing file `/s`: No such file or directory"),
      'error during container init: error mounting "/s": stat /s: no such file or directory',
      127,
    ],
    [
      'runc run failed: unable to start container process: exec: "x": permission denied',
      "",
      'exec: "x": permission denied',
      126,
    ],
    ["", logged("something of its own"), "something of its own", 128],
    ["", "", "exit status 1", 128],
  ];
  for (const [stderr, log, text, exitCode] of table) {
    const error = containerStartError(said(stderr, log), "crun", "cmd");
    assert.equal(error.message, `${create}crun create failed: unable to start container process: ${text}`);
    assert.equal(error.exitCode, exitCode);
    assert.ok(isKind(error, exitCode === 128 ? "system" : "invalid-parameter"));
  }
});

test("a file mounted onto a directory comes with Docker's hint", () => {
  const error = containerStartError(said("", "mount `/etc/hostname` to `tmp`: Not a directory"), "crun", "cmd");
  assert.match(
    error.message,
    /mounting "\/etc\/hostname" to rootfs at "\/tmp".*: Are you trying to mount a directory onto a file/,
  );
});

test("an exec's failure is told as Docker tells it", () => {
  assert.equal(
    execStartError(
      said('exec failed: unable to start container process: exec: "x": executable file not found in $PATH'),
      "x",
    ).message,
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in $PATH',
  );
});
