import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import { parseDeviceRule } from "./devices.ts";
import { createRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-options.ts";
import { mergeTmpfsOptions } from "./tmpfs.ts";

const refused = (work: () => unknown, message: string): void =>
  assert.throws(work, (error) => isKind(error, "invalid-parameter") && (error as Error).message === message);

test("of tmpfs options the last of a kind wins", () => {
  assert.equal(mergeTmpfsOptions("").join(), "noexec,nosuid,nodev,rprivate");
  assert.equal(mergeTmpfsOptions("size=1m,exec,size=2m").join(), "nosuid,nodev,rprivate,exec,size=2m");
  assert.equal(mergeTmpfsOptions("shared,mode=1777,defaults").join(), "noexec,nosuid,nodev,shared,mode=1777");
  refused(() => mergeTmpfsOptions("foo"), 'invalid tmpfs option ["foo"]');
  refused(() => mergeTmpfsOptions("source=/x"), 'invalid tmpfs option ["source" "/x"]');
});

test("security options are read as Docker reads them", () => {
  assert.deepEqual(parseSecurityOptions(null), { labels: [] });
  assert.deepEqual(parseSecurityOptions(["no-new-privileges", "seccomp=unconfined", "label=disable", "apparmor:x"]), {
    labels: ["disable"],
    noNewPrivileges: true,
    seccomp: "unconfined",
    apparmor: "x",
  });
  assert.equal(parseSecurityOptions(["no-new-privileges=false"]).noNewPrivileges, false);
  refused(() => parseSecurityOptions(["nonsense"]), 'invalid --security-opt 1: "nonsense"');
  refused(() => parseSecurityOptions(["x=y"]), 'invalid --security-opt 2: "x=y"');
  refused(
    () => parseSecurityOptions(["no-new-privileges=maybe"]),
    'invalid --security-opt 2: "no-new-privileges=maybe"',
  );
});

test("device rules are read as Docker reads them", () => {
  assert.deepEqual(parseDeviceRule("c 42:* rmw"), { allow: true, type: "c", major: 42, access: "rmw" });
  assert.deepEqual(parseDeviceRule("a *:* rwm"), { allow: true, type: "a", access: "rwm" });
  refused(() => parseDeviceRule("c 42 rw"), "invalid device cgroup rule format: 'c 42 rw'");
});

test("a limit that had to be lowered is told", () => {
  const host = { capabilities: [], hardLimits: { nofile: 1000, core: null } };
  const { warnings } = createRlimits({ Ulimits: [{ Name: "nofile", Soft: 2000, Hard: 2000 }] }, host, { ulimits: [] });
  assert.equal(warnings.length, 1);
  const able = { ...host, capabilities: ["CAP_SYS_RESOURCE"] };
  const { rlimits } = createRlimits({ Ulimits: [{ Name: "nofile", Soft: 2000, Hard: 2000 }] }, able, { ulimits: [] });
  assert.deepEqual(rlimits, [{ type: "RLIMIT_NOFILE", soft: 2000, hard: 2000 }]);
});
