import type { OciSeccomp } from "../../../wire/oci/runtime.ts";
import { answerBadArchitecture, answerEnosys, answerOf, permits } from "./action.ts";
import { branch, encode, jumpAtLeast, jumpEqual, loadWord, ret } from "./bpf.ts";
import type { Block } from "./bpf.ts";
import { argumentBlock } from "./condition.ts";
import type { ArgumentRule } from "./condition.ts";
import { rulesFor } from "./rules.ts";
import { syscallTables } from "./syscalls/tables.ts";
import type { FilterArchitecture } from "./syscalls/tables.ts";

// struct seccomp_data: nr, arch, instruction_pointer, args[6]. Source: linux/seccomp.h.
const numberOffset = 0;
const architectureOffset = 4;
const x32Bit = 0x40000000;
const noCall = 0xffffffff;

// AUDIT_ARCH_* of linux/audit.h. x32 shares x86_64's and is told apart by its call numbers.
const auditArchitecture: Readonly<Record<Exclude<FilterArchitecture, "SCMP_ARCH_X32">, number>> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
};

export interface CompileOptions {
  /** The machine's own architecture; always covered. */
  native: "SCMP_ARCH_X86_64" | "SCMP_ARCH_AARCH64";
  /**
   * Answer ENOSYS, not the default action, to calls newer than any the profile names, as runc does: C libraries then
   * fall back. On unless said otherwise.
   */
  enosysForNewer?: boolean;
}

/** True when the section needs what only the runtime itself can set up: a listener, flags, an unknown architecture. */
export const needsRuntime = (seccomp: OciSeccomp): boolean =>
  (seccomp.flags?.length ?? 0) > 0 ||
  Boolean(seccomp.listenerPath) ||
  (seccomp.syscalls ?? []).some(({ action }) => action === "SCMP_ACT_NOTIFY") ||
  (seccomp.architectures ?? []).some((name) => !Object.hasOwn(syscallTables, name));

/**
 * Compiles a resolved profile to a classic BPF program, `struct sock_filter[]`: the architecture is checked, then the
 * call number is found by binary search, then arguments are compared. Verdicts are libseccomp's.
 *
 * @throws EngineError invalid-parameter for an unknown action or comparison.
 */
export const compile = (seccomp: OciSeccomp, options: CompileOptions): Buffer => {
  const wanted = new Set<FilterArchitecture>([options.native]);
  for (const name of seccomp.architectures ?? []) {
    if (Object.hasOwn(syscallTables, name)) wanted.add(name as FilterArchitecture);
  }
  let program: Block = [ret(answerBadArchitecture)];
  for (const name of [...wanted].reverse()) {
    if (name === "SCMP_ARCH_X32") continue;
    const body = architectureBlock(seccomp, name, wanted.has("SCMP_ARCH_X32"), options.enosysForNewer ?? true);
    program = branch((jt, jf) => jumpEqual(auditArchitecture[name], jt, jf), body, program);
  }
  return encode([loadWord(architectureOffset), ...program]);
};

const architectureBlock = (seccomp: OciSeccomp, name: FilterArchitecture, x32: boolean, enosys: boolean): Block => {
  const own = numberBlock(seccomp, name, 0, enosys);
  if (name !== "SCMP_ARCH_X86_64") return [loadWord(numberOffset), ...own];
  const byDefault = answerOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const above = x32
    ? numberBlock(seccomp, "SCMP_ARCH_X32", x32Bit, enosys)
    : branch((jt, jf) => jumpEqual(noCall, jt, jf), [ret(byDefault)], [ret(answerBadArchitecture)]);
  return [loadWord(numberOffset), ...branch((jt, jf) => jumpAtLeast(x32Bit, jt, jf), above, own)];
};

interface Range {
  from: number;
  block: Block;
}

const numberBlock = (seccomp: OciSeccomp, name: FilterArchitecture, base: number, enosys: boolean): Block => {
  const byDefault = answerOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const { byNumber, highest } = rulesFor(seccomp, name);
  const wide = name === "SCMP_ARCH_X86_64" || name === "SCMP_ARCH_AARCH64";
  const ranges: Range[] = [{ from: 0, block: [ret(byDefault)] }];
  const extend = (from: number, block: Block): void => {
    if (ranges.at(-1)?.from === from) ranges.pop();
    const last = ranges.at(-1);
    if (last === undefined || !same(last.block, block)) ranges.push({ from, block });
  };
  for (const number of [...byNumber.keys()].sort((a, b) => a - b)) {
    extend(base + number, callBlock(byNumber.get(number) ?? [], byDefault, wide));
    extend(base + number + 1, [ret(byDefault)]);
  }
  if (enosys && !permits(byDefault)) extend(base + highest + 1, [ret(answerEnosys)]);
  return search(ranges);
};

const callBlock = (rules: readonly ArgumentRule[], byDefault: number, wide: boolean): Block => {
  const always = rules.find(({ conditions }) => conditions.length === 0);
  return always === undefined ? argumentBlock(rules, byDefault, wide) : [ret(always.answer)];
};

const same = (a: Block, b: Block): boolean => a.length === 1 && b.length === 1 && a[0]?.k === b[0]?.k;

const search = (ranges: readonly Range[]): Block => {
  const middle = ranges.length >> 1;
  const pivot = ranges[middle];
  if (pivot === undefined) return [];
  if (middle === 0) return pivot.block;
  return branch(
    (jt, jf) => jumpAtLeast(pivot.from, jt, jf),
    search(ranges.slice(middle)),
    search(ranges.slice(0, middle)),
  );
};
