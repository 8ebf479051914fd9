import type { OciSeccomp, OciSyscallArg } from "../../../wire/oci/runtime.ts";
import { answerOf, permits } from "./action.ts";
import type { ArgumentRule } from "./condition.ts";
import { multiplexed } from "./multiplexed.ts";
import { syscallTables } from "./syscalls/tables.ts";
import type { FilterArchitecture } from "./syscalls/tables.ts";

/** The rules of one architecture: by call number, and the highest number that the profile speaks of. */
export interface ArchitectureRules {
  byNumber: Map<number, ArgumentRule[]>;
  highest: number;
}

/**
 * Sorts the rules of a resolved profile by call number for one architecture. Rules that answer as the profile does by
 * default say nothing and are left out, as the runtimes do; names that the architecture has not are skipped.
 */
export const rulesFor = (seccomp: OciSeccomp, architecture: FilterArchitecture): ArchitectureRules => {
  const table = syscallTables[architecture];
  const byDefault = answerOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules: ArchitectureRules = { byNumber: new Map(), highest: -1 };
  const add = (number: number | undefined, rule: ArgumentRule): void => {
    if (number === undefined) return;
    rules.highest = Math.max(rules.highest, number);
    if (rule.answer === byDefault) return;
    const known = rules.byNumber.get(number);
    if (known === undefined) rules.byNumber.set(number, [rule]);
    else known.push(rule);
  };
  for (const { names, action, errnoRet, args } of seccomp.syscalls ?? []) {
    const answer = answerOf(action, errnoRet);
    for (const conditions of alternatives(args ?? [])) {
      for (const name of names) {
        add(Object.hasOwn(table, name) ? table[name] : undefined, { conditions, answer });
        if (architecture === "SCMP_ARCH_X86")
          addMultiplexed(name, conditions, answer, (entry, rule) => add(table[entry], rule));
      }
    }
  }
  return rules;
};

// The arguments of a multiplexed call lie in memory, out of a filter's sight. A rule that looks at them therefore
// permits nothing here, but still forbids.
const addMultiplexed = (
  name: string,
  conditions: readonly OciSyscallArg[],
  answer: number,
  add: (entry: string, rule: ArgumentRule) => void,
): void => {
  const through = multiplexed(name);
  if (through === null || (conditions.length > 0 && permits(answer))) return;
  add(through.entry, { conditions: [{ index: 0, value: through.code, op: "SCMP_CMP_EQ" }], answer });
};

// Conditions on different arguments must all hold. Two on the same argument cannot be said to libseccomp in one rule;
// the runtimes then take every condition as a rule of its own.
const alternatives = (args: readonly OciSyscallArg[]): OciSyscallArg[][] => {
  const distinct = new Set(args.map(({ index }) => index)).size === args.length;
  return distinct ? [[...args]] : args.map((arg) => [arg]);
};
