import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlagSpec, parseFlags, UsageError } from "./flags.ts";

const spec = {
  all: { kind: "flag", short: "a", help: "" },
  interactive: { kind: "flag", short: "i", help: "" },
  env: { kind: "list", short: "e", help: "" },
  name: { kind: "value", short: "n", help: "" },
} as const satisfies Record<string, FlagSpec>;

test("every form in which a flag can be written", () => {
  const { flags, args } = parseFlags(spec, ["-ai", "-e", "A=1", "-eB=2", "--env=C", "--name", "x", "y", "--all=false"]);
  assert.deepEqual(flags, { all: false, interactive: true, env: ["A=1", "B=2", "C"], name: "x" });
  assert.deepEqual(args, ["y"]);
});

test("what stands behind the first word can be left alone", () => {
  assert.deepEqual(parseFlags(spec, ["-a", "image", "-x", "--name"], false).args, ["image", "-x", "--name"]);
  assert.deepEqual(parseFlags(spec, ["--", "-a"]).args, ["-a"]);
});

test("what does not fit is refused in Docker's words", () => {
  const table: [string[], RegExp][] = [
    [["--nope"], /unknown flag: --nope/],
    [["-x"], /unknown shorthand flag: 'x' in -x/],
    [["--name"], /flag needs an argument: --name/],
    [["--all=maybe"], /invalid argument "maybe"/],
  ];
  for (const [argv, message] of table) {
    assert.throws(
      () => parseFlags(spec, argv),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
});
