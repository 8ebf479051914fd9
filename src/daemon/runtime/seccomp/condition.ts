import { invalidParameter } from "../../../base/errors.ts";
import type { OciSyscallArg } from "../../../wire/oci/runtime.ts";
import { and, jumpAtLeast, jumpEqual, jumpGreater, loadWord, ret } from "./bpf.ts";
import type { Instruction } from "./bpf.ts";

// Offsets in struct seccomp_data on a little-endian machine.
const argumentsOffset = 16;
const argumentBytes = 8;

/** A rule of one system call: it answers when all its conditions hold. */
export interface ArgumentRule {
  conditions: readonly OciSyscallArg[];
  answer: number;
}

// A jump target that is not known yet: the end of the condition (it holds) or of the whole rule (it does not).
type Target = "holds" | "fails" | "next";
interface Step {
  make: (jt: number, jf: number) => Instruction;
  yes: Target;
  no: Target;
}

/**
 * Tries each rule in turn and ends with `otherwise`. With `wide` false only the low 32 bits of an argument count, as on
 * a 32-bit architecture.
 */
export const argumentBlock = (rules: readonly ArgumentRule[], otherwise: number, wide: boolean): Instruction[] => [
  ...rules.flatMap((rule) => ruleCode(rule, wide)),
  ret(otherwise),
];

const ruleCode = (rule: ArgumentRule, wide: boolean): Instruction[] => {
  const conditions = rule.conditions.map((condition) => conditionSteps(condition, wide));
  const total = conditions.reduce((sum, steps) => sum + steps.length, 0);
  let position = 0;
  const code = conditions.flatMap((steps) => {
    const end = position + steps.length;
    return steps.map(({ make, yes, no }) => {
      position += 1;
      const distance = (target: Target): number =>
        target === "next" ? 0 : target === "holds" ? end - position : total + 1 - position;
      return make(distance(yes), distance(no));
    });
  });
  return [...code, ret(rule.answer)];
};

const plain = (instruction: Instruction): Step => ({ make: () => instruction, yes: "next", no: "next" });
const test = (make: (k: number, jt: number, jf: number) => Instruction, k: number, yes: Target, no: Target): Step => ({
  make: (jt, jf) => make(k, jt, jf),
  yes,
  no,
});

const conditionSteps = (condition: OciSyscallArg, wide: boolean): Step[] => {
  const { index, op } = condition;
  if (!Number.isInteger(index) || index < 0 || index > 5)
    throw invalidParameter(`invalid seccomp argument index ${index}`);
  const offset = argumentsOffset + index * argumentBytes;
  const value = split(condition.value);
  const low = plain(loadWord(offset));
  const high = plain(loadWord(offset + 4));
  const onWide = (steps: Step[]): Step[] => (wide ? [high, ...steps] : []);
  // `high` decides alone unless it is equal; then `low` does.
  const ordered = (make: typeof jumpGreater, yes: Target, no: Target): Step[] => [
    ...onWide([test(jumpGreater, value.high, yes, "next"), test(jumpEqual, value.high, "next", no)]),
    low,
    test(make, value.low, yes, no),
  ];
  switch (op) {
    case "SCMP_CMP_EQ":
      return [
        ...onWide([test(jumpEqual, value.high, "next", "fails")]),
        low,
        test(jumpEqual, value.low, "holds", "fails"),
      ];
    case "SCMP_CMP_NE":
      return [
        ...onWide([test(jumpEqual, value.high, "next", "holds")]),
        low,
        test(jumpEqual, value.low, "fails", "holds"),
      ];
    case "SCMP_CMP_GT":
      return ordered(jumpGreater, "holds", "fails");
    case "SCMP_CMP_GE":
      return ordered(jumpAtLeast, "holds", "fails");
    case "SCMP_CMP_LE":
      return ordered(jumpGreater, "fails", "holds");
    case "SCMP_CMP_LT":
      return ordered(jumpAtLeast, "fails", "holds");
    case "SCMP_CMP_MASKED_EQ": {
      const wanted = split(condition.valueTwo ?? 0);
      return [
        ...onWide([plain(and(value.high)), test(jumpEqual, wanted.high, "next", "fails")]),
        low,
        plain(and(value.low)),
        test(jumpEqual, wanted.low, "holds", "fails"),
      ];
    }
    default:
      throw invalidParameter(`invalid seccomp comparison: "${op}"`);
  }
};

const split = (value: number): { high: number; low: number } => {
  const whole = BigInt.asUintN(64, BigInt(value));
  return { high: Number(whole >> 32n), low: Number(whole & 0xffff_ffffn) };
};
