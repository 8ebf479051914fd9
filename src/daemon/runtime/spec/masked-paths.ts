import type { HostConfig } from "../../../wire/engine/container.ts";
import type { HostFacts } from "./input.ts";

/** What a container must not read. The CPUs' thermal_throttle directories come on top, those that exist. */
export const defaultMaskedPaths: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

/** What a container must not write. */
export const defaultReadonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** `MaskedPaths` of the container when it says (empty: `systempaths=unconfined`), nothing when it is privileged. */
export const maskedPaths = (
  { Privileged: privileged, MaskedPaths: own }: HostConfig,
  host: Pick<HostFacts, "thermalThrottlePaths">,
): string[] => (privileged ? [] : [...(own ?? [...defaultMaskedPaths, ...host.thermalThrottlePaths])]);

export const readonlyPaths = ({ Privileged: privileged, ReadonlyPaths: own }: HostConfig): string[] =>
  privileged ? [] : [...(own ?? defaultReadonlyPaths)];
