import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountTable } from "../../../linux/mount/table.ts";
import { propagationOf } from "./propagation.ts";

const table = (propagation: string) => () =>
  parseMountTable(`1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / /proc rw ${propagation} - proc proc rw\n`);
const of = (Propagation: string, mounted: string, more = {}) =>
  propagationOf("/proc/self", { Propagation, ...more }, table(mounted));

test("a private bind needs nothing of the host, and does not look", () => {
  const never = () => assert.fail("the table was read");
  for (const mode of ["private", "rprivate"]) assert.equal(propagationOf("/none", { Propagation: mode }, never), mode);
  assert.equal(propagationOf("/none", {}, never), undefined);
});

test("a shared bind needs a shared mount, a slave one a shared or slave mount", () => {
  for (const mode of ["shared", "rshared"]) {
    assert.equal(of(mode, "shared:7"), mode);
    for (const mounted of ["master:3", ""])
      assert.throws(() => of(mode, mounted), {
        kind: "system",
        message: "path /proc/self is mounted on /proc but it is not a shared mount",
      });
  }
  for (const mode of ["slave", "rslave"]) {
    for (const mounted of ["shared:7", "master:3", "shared:7 master:3"]) assert.equal(of(mode, mounted), mode);
    assert.throws(() => of(mode, "unbindable"), {
      kind: "system",
      message: "path /proc/self is mounted on /proc but it is not a shared or slave mount",
    });
  }
});

test("what the engine chose by itself is left out where it cannot be", () => {
  assert.equal(of("rslave", "", { impliedPropagation: true }), undefined);
  assert.equal(of("rslave", "shared:1", { impliedPropagation: true }), "rslave");
});
