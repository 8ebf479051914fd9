import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import { compile } from "./compile.ts";
import { SeccompFilters } from "./filters.ts";
import { defaultProfile, parseProfile } from "./profile.ts";
import { resolveProfile } from "./resolve.ts";

const host = { architecture: "amd64", kernelRelease: "6.1.0-13-amd64" } as const;

test("a filter is made once for a profile and a set of capabilities", () => {
  const filters = new SeccompFilters(host);
  const first = filters.get(null, ["CAP_CHOWN", "CAP_KILL"]);
  assert.equal(filters.get(null, ["CAP_KILL", "CAP_CHOWN"]), first);
  assert.notEqual(filters.get(null, ["CAP_SYS_ADMIN"]), first);
  assert.ok((first.program?.length ?? 0) > 1000);
});

test("the default profile is resolved by capability, architecture and kernel", () => {
  const names = (capabilities: string[], kernelRelease = "6.1.0"): string[] =>
    (resolveProfile(defaultProfile(), { ...host, kernelRelease, capabilities }).syscalls ?? []).flatMap(
      (rule) => rule.names,
    );
  assert.ok(!names([]).includes("mount"));
  assert.ok(names(["CAP_SYS_ADMIN"]).includes("mount"));
  assert.ok(names([]).includes("ptrace"));
  assert.ok(!names([], "4.7.9").includes("ptrace"));
  assert.ok(names([]).includes("arch_prctl"));
  assert.ok(!names([]).includes("s390_pci_mmio_read"));
});

test("clone3 answers ENOSYS without CAP_SYS_ADMIN", () => {
  const section = resolveProfile(defaultProfile(), { ...host, capabilities: [] });
  const rule = section.syscalls?.find(({ names }) => names.includes("clone3"));
  assert.deepEqual(rule, { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 });
});

test("a profile that contradicts itself or is none is refused", () => {
  const filters = new SeccompFilters(host);
  const refused = (text: string, message: RegExp): void =>
    assert.throws(
      () => filters.get(text, []),
      (error) => isKind(error, "invalid-parameter") && message.test(String(error)),
    );
  refused("nonsense", /Decoding seccomp profile failed: /);
  refused("[]", /Decoding seccomp profile failed: /);
  refused('{"defaultAction":"SCMP_ACT_FOO"}', /invalid seccomp action/);
  refused(
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ERRNO"}]}',
    /'name' and 'names' were specified/,
  );
});

test("what only the runtime can set up is left to it", () => {
  const filters = new SeccompFilters(host);
  const text = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod"],"action":"SCMP_ACT_NOTIFY"}]}';
  assert.equal(filters.get(text, []).program, null);
});

test("a profile of many argument rules still compiles to reachable jumps", () => {
  const syscalls = ["read", "write", "open", "close", "stat", "fstat", "lstat", "poll"].map((name) => ({
    names: [name],
    action: "SCMP_ACT_ALLOW",
    args: Array.from({ length: 6 }, (_, index) => ({ index, value: 2 ** 33 + index, op: "SCMP_CMP_GE" })),
  }));
  const program = compile(
    { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], syscalls },
    { native: "SCMP_ARCH_X86_64" },
  );
  for (let at = 0; at < program.length / 8; at += 1) {
    const isJump = (program.readUInt16LE(at * 8) & 7) === 5;
    const far = program.readUInt16LE(at * 8) === 5 ? program.readUInt32LE(at * 8 + 4) : program.readUInt8(at * 8 + 2);
    assert.ok(!isJump || at + 1 + far < program.length / 8);
  }
  assert.equal(parseProfile('{"defaultAction":"SCMP_ACT_ALLOW"}').defaultAction, "SCMP_ACT_ALLOW");
});
