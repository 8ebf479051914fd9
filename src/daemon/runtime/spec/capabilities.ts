import { invalidParameter } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import type { OciCapabilities } from "../../../wire/oci/runtime.ts";

/** What a container may do unless it says otherwise. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** Every capability by its number. **Source:** capabilities(7), linux/capability.h. */
export const knownCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

const all = "ALL";

/** The names of the bits of a `Cap…` line of /proc/PID/status (hexadecimal). */
export const capabilitiesOf = (mask: string): string[] => {
  const bits = BigInt(`0x${mask}`);
  return knownCapabilities.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
};

/**
 * Capability names as users write them, in the kernel's form: `net_admin` → `CAP_NET_ADMIN`, `all` → `ALL`.
 *
 * @throws EngineError invalid-parameter for names that the kernel or this daemon has not.
 */
export const normalizeCapabilities = (names: readonly string[], available: readonly string[]): string[] =>
  names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === all) return all;
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!knownCapabilities.includes(full)) throw invalidParameter(`unknown capability: "${full}"`);
    if (!available.includes(full)) {
      throw invalidParameter(
        `capability not supported by your kernel or not available in the current environment: "${full}"`,
      );
    }
    return full;
  });

/** Docker's rules of `--cap-add`, `--cap-drop` and `--privileged`. `available` are the daemon's own. */
export const effectiveCapabilities = (
  hostConfig: Pick<HostConfig, "CapAdd" | "CapDrop" | "Privileged">,
  available: readonly string[],
): string[] => {
  if (hostConfig.Privileged) return [...available];
  const drop = normalizeCapabilities(hostConfig.CapDrop ?? [], available);
  const add = normalizeCapabilities(hostConfig.CapAdd ?? [], available);
  if (add.includes(all)) return available.filter((name) => !drop.includes(name));
  if (drop.includes(all)) return unique(add);
  return unique([...defaultCapabilities.filter((name) => available.includes(name) && !drop.includes(name)), ...add]);
};

/**
 * The sets of a process. Inheritable and ambient stay empty (CVE-2022-24769); a user other than root gets none but the
 * bounding set, as execve(2) would leave it.
 */
export const capabilitySets = (names: readonly string[], uid: number): OciCapabilities =>
  uid === 0 ? { bounding: [...names], effective: [...names], permitted: [...names] } : { bounding: [...names] };

const unique = (names: readonly string[]): string[] => [...new Set(names)];
