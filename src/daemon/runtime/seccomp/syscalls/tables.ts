import aarch64 from "./aarch64.json" with { type: "json" };
import arm from "./arm.json" with { type: "json" };
import x32 from "./x32.json" with { type: "json" };
import x86_64 from "./x86-64.json" with { type: "json" };
import x86 from "./x86.json" with { type: "json" };

/** The architectures whose calls a filter can judge, by libseccomp's names. */
export type FilterArchitecture =
  | "SCMP_ARCH_X86_64"
  | "SCMP_ARCH_X86"
  | "SCMP_ARCH_X32"
  | "SCMP_ARCH_AARCH64"
  | "SCMP_ARCH_ARM";

/**
 * Call numbers by name. x32's are without its bit 30.
 *
 * **Source:** the kernel's own headers (asm/unistd*.h), up to Linux 6.18.
 */
export const syscallTables: Readonly<Record<FilterArchitecture, Readonly<Record<string, number>>>> = {
  SCMP_ARCH_X86_64: x86_64,
  SCMP_ARCH_X86: x86,
  SCMP_ARCH_X32: x32,
  SCMP_ARCH_AARCH64: aarch64,
  SCMP_ARCH_ARM: arm,
};
