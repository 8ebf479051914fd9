import type { HostConfig } from "../../../wire/engine/container.ts";
import type { OciRlimit } from "../../../wire/oci/runtime.ts";
import type { HostFacts, SpecDefaults } from "./input.ts";

/** Docker's ulimit names; each is `RLIMIT_` and its upper case. */
export const ulimitNames: readonly string[] = [
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];

// RLIM_INFINITY, the largest unsigned 64-bit number: no JavaScript number holds it.
const infinity = "18446744073709551615";

const rawJson = (text: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);

/**
 * The container's ulimits over the daemon's default ones. A daemon without CAP_SYS_RESOURCE cannot raise a limit past
 * its own hard one: the limit is lowered to it, with a warning.
 */
export const createRlimits = (
  hostConfig: Pick<HostConfig, "Ulimits">,
  host: Pick<HostFacts, "capabilities" | "hardLimits">,
  defaults: Pick<SpecDefaults, "ulimits">,
): { rlimits: OciRlimit[]; warnings: string[] } => {
  const limits = new Map<string, { soft: number; hard: number }>();
  for (const { Name: name = "", Soft: soft = 0, Hard: hard = 0 } of [
    ...defaults.ulimits,
    ...(hostConfig.Ulimits ?? []),
  ]) {
    limits.set(name.toLowerCase(), { soft, hard });
  }
  const warnings: string[] = [];
  const rlimits = [...limits].map(([name, { soft, hard }]) => {
    const most = host.capabilities.includes("CAP_SYS_RESOURCE") ? null : (host.hardLimits[name] ?? null);
    const [softMost, hardMost] = [lower(soft, most), lower(hard, most)];
    if (softMost !== soft || hardMost !== hard) {
      warnings.push(`The ulimit ${name} was lowered to ${most}: the daemon may not raise it past its own hard limit.`);
    }
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: toJson(softMost), hard: toJson(hardMost) };
  });
  return { rlimits, warnings };
};

// -1 stands for "no limit".
const lower = (value: number, most: number | null): number =>
  most === null ? value : value < 0 ? most : Math.min(value, most);

const toJson = (value: number): unknown => (value < 0 ? rawJson(infinity) : value);
