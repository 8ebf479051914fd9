import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../../src/daemon/runtime/seccomp/compile.ts";
import { defaultProfile } from "../../../src/daemon/runtime/seccomp/profile.ts";
import { resolveProfile } from "../../../src/daemon/runtime/seccomp/resolve.ts";
import { syscallTables } from "../../../src/daemon/runtime/seccomp/syscalls/tables.ts";
import type { OciSeccomp, OciSyscallArg, OciSyscallRule } from "../../../src/wire/oci/runtime.ts";
import { simulate } from "../../support/bpf-simulator.ts";
import { libseccompCompile } from "../../support/libseccomp.ts";

// The programs of Berth's compiler and of the system's libseccomp, run side by side in a simulator over every call
// number and telling arguments.
const x86_64 = 0xc000003e;
const x86 = 0x40000003;
const someArm = 0x40000028;
const architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

const values = [
  0n,
  1n,
  8n,
  36n,
  37n,
  38n,
  39n,
  40n,
  41n,
  47n,
  48n,
  131072n,
  131080n,
  4294967295n,
  4294967296n,
  4294967304n,
];
const moreValues = [
  0x7e020000n,
  0x10000000n,
  0x100000026n,
  0x7fffffffn,
  0x80000000n,
  0xffffffff00000000n,
  (1n << 64n) - 1n,
];
const argumentSets = [...values, ...moreValues].flatMap((value) => [
  [value, 0n, 0n, 0n, 0n, 0n],
  [1n, value, 3n, 0n, 0n, value],
  [value, value, value, value, value, value],
]);

const compare = (ours: Buffer, theirs: Buffer, calls: Iterable<[architecture: number, number: number]>): string[] => {
  const wrong: string[] = [];
  for (const [architecture, number] of calls) {
    for (const args of argumentSets) {
      const call = { architecture, number, args };
      const [mine, oracle] = [simulate(ours, call), simulate(theirs, call)];
      if (mine !== oracle) {
        wrong.push(
          `${architecture.toString(16)} ${number} (${args.join()}): ${mine.toString(16)} not ${oracle.toString(16)}`,
        );
      }
    }
  }
  return wrong.slice(0, 10);
};

const verdicts = (seccomp: OciSeccomp, skip: (number: number, architecture: number) => boolean): string[] => {
  const ours = compile(seccomp, { native: "SCMP_ARCH_X86_64", enosysForNewer: false });
  const theirs = libseccompCompile(seccomp).program;
  const calls: [number, number][] = [];
  for (let number = 0; number < 600; number += 1) {
    calls.push([x86_64, number], [x86_64, 0x40000000 + number], [x86, number]);
  }
  for (const number of [0x3fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) calls.push([x86_64, number], [x86, number]);
  calls.push([someArm, 1]);
  return compare(
    ours,
    theirs,
    calls.filter(([architecture, number]) => !skip(number, architecture)),
  );
};

// Calls that this libseccomp is too old to know: their numbers have no oracle.
const unknownToLibrary = (): ((number: number, architecture: number) => boolean) => {
  const { knows } = libseccompCompile({ defaultAction: "SCMP_ACT_ALLOW", architectures, syscalls: [] });
  const numbers = new Set<number>();
  for (const [name, number] of Object.entries(syscallTables.SCMP_ARCH_X86_64)) if (!knows(name)) numbers.add(number);
  for (const [name, number] of Object.entries(syscallTables.SCMP_ARCH_X86)) if (!knows(name)) numbers.add(number);
  for (const [name, number] of Object.entries(syscallTables.SCMP_ARCH_X32)) if (!knows(name)) numbers.add(number);
  return (number) => numbers.has(number & 0xfff);
};

const resolved = (capabilities: string[]): OciSeccomp =>
  resolveProfile(defaultProfile(), { architecture: "amd64", capabilities, kernelRelease: "6.1.0" });

// socketcall and ipc: a rule that looks at arguments does not open the multiplexed entry here, it does in libseccomp.
const multiplexedEntries = (number: number, architecture: number): boolean =>
  architecture === x86 && (number === 102 || number === 117);

test("the default profile gives libseccomp's verdicts", () => {
  const skip = unknownToLibrary();
  const both = (n: number, a: number): boolean => skip(n, a) || multiplexedEntries(n, a);
  assert.deepEqual(verdicts(resolved(["CAP_CHOWN", "CAP_SYS_CHROOT"]), both), []);
  assert.deepEqual(verdicts(resolved(["CAP_SYS_ADMIN", "CAP_BPF", "CAP_SYS_PTRACE"]), both), []);
});

const rule = (names: string[], action: string, args: OciSyscallArg[]): OciSyscallRule => ({ names, action, args });

test("every comparison gives libseccomp's verdicts, alone and together", () => {
  const operations = ["NE", "LT", "LE", "EQ", "GE", "GT"];
  const names = ["read", "write", "close", "ioctl", "mmap", "dup2"];
  for (const value of [0, 38, 0x7fffffff, 0x100000026, 2 ** 40]) {
    const syscalls = operations.map((operation, index) =>
      rule([names[index] ?? ""], "SCMP_ACT_ALLOW", [{ index: 0, value, op: `SCMP_CMP_${operation}` }]),
    );
    const masked = rule(["lseek"], "SCMP_ACT_ALLOW", [
      { index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
    ]);
    const two = rule(["fcntl"], "SCMP_ACT_ALLOW", [
      { index: 0, value, op: "SCMP_CMP_LE" },
      { index: 1, value: 39, op: "SCMP_CMP_GT" },
    ]);
    const either = rule(["poll"], "SCMP_ACT_ALLOW", [
      { index: 0, value: 36, op: "SCMP_CMP_EQ" },
      { index: 0, value, op: "SCMP_CMP_EQ" },
    ]);
    const seccomp = { defaultAction: "SCMP_ACT_ERRNO", architectures, syscalls: [...syscalls, masked, two, either] };
    assert.deepEqual(
      verdicts(seccomp, () => false),
      [],
    );
  }
});

test("a profile that forbids gives libseccomp's verdicts, multiplexed calls too", () => {
  const seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures,
    syscalls: [
      rule(["socket", "shmget", "chmod", "fchmod"], "SCMP_ACT_ERRNO", []),
      rule(["personality"], "SCMP_ACT_KILL_PROCESS", [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }]),
      rule(["uname"], "SCMP_ACT_LOG", []),
    ],
  };
  assert.deepEqual(
    verdicts(seccomp, () => false),
    [],
  );
});

test("without x32 and x86 their calls are refused as libseccomp refuses them", () => {
  const seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [rule(["read"], "SCMP_ACT_ALLOW", [])],
  };
  assert.deepEqual(
    verdicts(seccomp, () => false),
    [],
  );
});

test("on arm64 the default profile gives libseccomp's verdicts, for arm too", () => {
  const seccomp = resolveProfile(defaultProfile(), { architecture: "arm64", capabilities: [], kernelRelease: "6.1.0" });
  assert.deepEqual(seccomp.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  const ours = compile(seccomp, { native: "SCMP_ARCH_AARCH64", enosysForNewer: false });
  const { program, knows } = libseccompCompile(seccomp, true);
  const calls: [number, number][] = [[x86_64, 1]];
  for (const [token, table] of [
    [0xc00000b7, syscallTables.SCMP_ARCH_AARCH64],
    [someArm, syscallTables.SCMP_ARCH_ARM],
  ] as const) {
    const unknown = new Set(
      Object.keys(table)
        .filter((name) => !knows(name))
        .map((name) => table[name]),
    );
    for (let number = 0; number < 600; number += 1) if (!unknown.has(number)) calls.push([token, number]);
    for (let number = 0xf0000; number < 0xf0010; number += 1) calls.push([token, number]);
  }
  assert.deepEqual(compare(ours, program, calls), []);
});
