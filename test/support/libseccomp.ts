import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import type { OciSeccomp } from "../../src/wire/oci/runtime.ts";

const errnoOf = (value: number | undefined): number => value ?? 1;

const actions: Record<string, (errno: number) => number> = {
  SCMP_ACT_ALLOW: () => 0x7fff0000,
  SCMP_ACT_ERRNO: (errno) => 0x00050000 | errno,
  SCMP_ACT_LOG: () => 0x7ffc0000,
  SCMP_ACT_TRAP: () => 0x00030000,
  SCMP_ACT_KILL_PROCESS: () => 0x80000000,
  SCMP_ACT_KILL: () => 0,
};

const comparisons: Record<string, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

const tokens: Record<string, number> = {
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
};

const bind = () => {
  const library = koffi.load("libseccomp.so.2");
  koffi.struct("berth_scmp_arg", { arg: "uint", op: "int", a: "uint64", b: "uint64" });
  const init = library.func("void *seccomp_init(uint32 action)");
  const release = library.func("void seccomp_release(void *ctx)");
  const archAdd = library.func("int seccomp_arch_add(void *ctx, uint32 arch)");
  const archRemove = library.func("int seccomp_arch_remove(void *ctx, uint32 arch)");
  const resolve = library.func("int seccomp_syscall_resolve_name(const char *name)");
  const add = library.func(
    "int seccomp_rule_add_array(void *ctx, uint32 action, int nr, uint count, berth_scmp_arg *args)",
  );
  const exportBpf = library.func("int seccomp_export_bpf(void *ctx, int fd)");
  return { init, release, archAdd, archRemove, resolve, add, exportBpf };
};

let bound: ReturnType<typeof bind> | undefined;
const load = (): ReturnType<typeof bind> => (bound ??= bind());

const nativeToken = 0;

/**
 * The oracle: compiles a section with the system's libseccomp, fed in the way crun and runc feed it. `foreign`: as on a
 * machine of another architecture, so that this one's is not covered.
 */
export const libseccompCompile = (
  seccomp: OciSeccomp,
  foreign = false,
): { program: Buffer; knows: (name: string) => boolean } => {
  const { init, release, archAdd, archRemove, resolve, add, exportBpf } = load();
  const actionOf = (name: string, errno: number | undefined): number => {
    const action = actions[name];
    if (action === undefined) throw new Error(`action ${name}`);
    return action(errnoOf(errno)) >>> 0;
  };

  const byDefault = actionOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const context: unknown = init(byDefault);
  const file = join(tmpdir(), `berth-oracle-${process.pid}-${Math.random().toString(16).slice(2)}`);
  try {
    for (const name of seccomp.architectures ?? []) {
      const token = tokens[name];
      if (token !== undefined) archAdd(context, token);
    }
    if (foreign) archRemove(context, nativeToken);
    for (const rule of seccomp.syscalls ?? []) {
      const action = actionOf(rule.action, rule.errnoRet);
      if (action === byDefault) continue;
      const args = (rule.args ?? []).map(({ index, op, value, valueTwo }) => ({
        arg: index,
        op: comparisons[op],
        a: BigInt(value),
        b: BigInt(valueTwo ?? 0),
      }));
      const distinct = new Set(args.map(({ arg }) => arg)).size === args.length;
      for (const name of rule.names) {
        const number: number = resolve(name);
        if (number === -1) continue;
        for (const group of distinct ? [args] : args.map((arg) => [arg])) {
          const status: number = add(context, action, number, group.length, group);
          if (status !== 0) throw new Error(`seccomp_rule_add ${name}: ${status}`);
        }
      }
    }
    const fd = openSync(file, "w");
    const status: number = exportBpf(context, fd);
    closeSync(fd);
    if (status !== 0) throw new Error(`seccomp_export_bpf: ${status}`);
    return { program: readFileSync(file), knows: (name) => resolve(name) !== -1 };
  } finally {
    release(context);
    rmSync(file, { force: true });
  }
};
