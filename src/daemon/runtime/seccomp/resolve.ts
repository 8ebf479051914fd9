import { invalidParameter } from "../../../base/errors.ts";
import type { OciSeccomp, OciSyscallRule } from "../../../wire/oci/runtime.ts";
import type { Architecture, ProfileRule, RuleCondition, SeccompProfile } from "./profile.ts";

/** What a profile's conditions are held against. */
export interface SeccompTarget {
  architecture: Architecture;
  /** The container's bounding set, `CAP_…`. */
  capabilities: readonly string[];
  /** The host kernel's release, such as `6.1.0-13-amd64`. */
  kernelRelease: string;
}

const nativeArchitecture: Record<Architecture, string> = { amd64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" };

/**
 * The OCI seccomp section of a profile for one container: conditions decided, architectures chosen.
 *
 * @throws EngineError invalid-parameter for a profile that contradicts itself.
 */
export const resolveProfile = (profile: SeccompProfile, target: SeccompTarget): OciSeccomp => {
  const { architectures, archMap } = profile;
  if ((architectures?.length ?? 0) > 0 && (archMap?.length ?? 0) > 0) {
    throw invalidParameter(
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const native = nativeArchitecture[target.architecture];
  const mapped = archMap?.find((entry) => entry.architecture === native);
  const chosen =
    (architectures?.length ?? 0) > 0
      ? architectures
      : mapped === undefined
        ? []
        : [mapped.architecture, ...(mapped.subArchitectures ?? [])];
  const rules = (profile.syscalls ?? []).filter((rule) => applies(rule, target)).map(toOciRule);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet == null ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: [...(chosen ?? [])],
    ...((profile.flags?.length ?? 0) > 0 ? { flags: [...(profile.flags ?? [])] } : {}),
    ...(profile.listenerPath ? { listenerPath: profile.listenerPath } : {}),
    ...(profile.listenerMetadata ? { listenerMetadata: profile.listenerMetadata } : {}),
    syscalls: rules,
  };
};

const toOciRule = (rule: ProfileRule): OciSyscallRule => {
  const names = rule.names ?? [];
  if (rule.name && names.length > 0) {
    throw invalidParameter("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
  }
  const args = (rule.args ?? []).filter((arg) => arg !== null);
  return {
    names: rule.name ? [rule.name] : [...names],
    action: rule.action,
    ...(rule.errnoRet == null ? {} : { errnoRet: rule.errnoRet }),
    ...(args.length > 0 ? { args } : {}),
  };
};

const applies = (rule: ProfileRule, target: SeccompTarget): boolean =>
  !excluded(rule.excludes, target) && included(rule.includes, target);

const excluded = (condition: RuleCondition | null | undefined, target: SeccompTarget): boolean =>
  (condition?.arches ?? []).includes(target.architecture) ||
  (condition?.caps ?? []).some((name) => target.capabilities.includes(name)) ||
  (condition?.minKernel !== undefined && kernelAtLeast(target.kernelRelease, condition.minKernel));

const included = (condition: RuleCondition | null | undefined, target: SeccompTarget): boolean =>
  ((condition?.arches?.length ?? 0) === 0 || (condition?.arches ?? []).includes(target.architecture)) &&
  (condition?.caps ?? []).every((name) => target.capabilities.includes(name)) &&
  (condition?.minKernel === undefined || kernelAtLeast(target.kernelRelease, condition.minKernel));

const kernelAtLeast = (release: string, wanted: string): boolean => {
  const [wantedMajor, wantedMinor] = majorMinor(wanted);
  const [major, minor] = majorMinor(release);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
};

const majorMinor = (text: string): [number, number] => {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match === null) throw invalidParameter(`invalid kernel version: "${text}"`);
  return [Number(match[1]), Number(match[2])];
};
