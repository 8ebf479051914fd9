import { invalidParameter } from "../../../base/errors.ts";

const eperm = 1;
const errnoMask = 0xffff;

/** The filter's answer for a call that the kernel may know and the profile does not: the caller tries the older way. */
export const answerEnosys = 0x00050000 | 38;
/** What libseccomp does to calls of an architecture that the filter does not cover. */
export const answerBadArchitecture = 0;

/**
 * The return value of a seccomp program for an OCI action.
 *
 * **Source:** linux/seccomp.h (SECCOMP_RET_*).
 *
 * @throws EngineError invalid-parameter for an unknown action.
 */
export const answerOf = (action: string, errnoRet?: number): number => {
  const errno = (errnoRet ?? eperm) & errnoMask;
  switch (action) {
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return 0;
    case "SCMP_ACT_KILL_PROCESS":
      return 0x80000000;
    case "SCMP_ACT_TRAP":
      return 0x00030000;
    case "SCMP_ACT_ERRNO":
      return 0x00050000 | errno;
    case "SCMP_ACT_TRACE":
      return 0x7ff00000 | errno;
    case "SCMP_ACT_LOG":
      return 0x7ffc0000;
    case "SCMP_ACT_ALLOW":
      return 0x7fff0000;
    default:
      throw invalidParameter(`invalid seccomp action: "${action}"`);
  }
};

/** True when the answer lets the call happen. */
export const permits = (answer: number): boolean => (answer & 0xffff0000) >>> 0 >= 0x7ff00000;
