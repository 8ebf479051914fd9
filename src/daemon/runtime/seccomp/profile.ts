import defaultProfileJson from "./default-profile.json" with { type: "json" };
import { invalidParameter, messageOf } from "../../../base/errors.ts";
import type { OciSyscallArg } from "../../../wire/oci/runtime.ts";

/** Go's names of the architectures Berth runs on; a profile's `arches` use them. */
export type Architecture = "amd64" | "arm64";

/** What must (or must not) hold for a rule to be taken into a container's filter. */
export interface RuleCondition {
  caps?: string[] | null;
  arches?: string[] | null;
  /** `major.minor` of the oldest kernel. */
  minKernel?: string;
}

export interface ProfileRule {
  /** The old form of `names`. */
  name?: string;
  names?: string[] | null;
  action: string;
  errnoRet?: number | null;
  args?: (OciSyscallArg | null)[] | null;
  includes?: RuleCondition | null;
  excludes?: RuleCondition | null;
  comment?: string;
}

/**
 * A seccomp profile as Docker writes it: the OCI section plus rules that depend on capabilities, architecture and kernel.
 *
 * **Source:** docker docs, "Seccomp security profiles for Docker".
 */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number | null;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  architectures?: string[] | null;
  flags?: string[] | null;
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: ProfileRule[] | null;
}

/**
 * The profile of a container that names none.
 *
 * `default-profile.json` is data derived from profiles/seccomp/default.json of moby/moby v28.2.2 (Apache License 2.0),
 * with the socket rules of the newest release in a form that high argument bits do not pass, and without
 * `socketcall(SYS_SOCKET)`, through which 32-bit code would reach AF_ALG and AF_VSOCK.
 */
export const defaultProfile = (): SeccompProfile => defaultProfileJson;

/** The longest profile that is read; Docker's own has 20 KB. */
export const maxProfileBytes = 1024 * 1024;

/** @throws EngineError invalid-parameter in Docker's words when the text is no profile. */
export const parseProfile = (text: string): SeccompProfile => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidParameter(`Decoding seccomp profile failed: ${messageOf(error)}`, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidParameter("Decoding seccomp profile failed: the profile is not a JSON object");
  }
  const profile = value as Partial<SeccompProfile>;
  if (typeof profile.defaultAction !== "string") {
    throw invalidParameter("Decoding seccomp profile failed: the profile has no defaultAction");
  }
  if (profile.syscalls !== undefined && profile.syscalls !== null && !Array.isArray(profile.syscalls)) {
    throw invalidParameter("Decoding seccomp profile failed: syscalls is not a list");
  }
  return profile as SeccompProfile;
};
