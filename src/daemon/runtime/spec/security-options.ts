import { invalidParameter } from "../../../base/errors.ts";

/** What `--security-opt` says. Absent: the daemon's default. */
export interface SecurityOptions {
  noNewPrivileges?: boolean;
  /** `unconfined`, `builtin`, or a profile as JSON text. */
  seccomp?: string;
  apparmor?: string;
  labels: string[];
  writableCgroups?: boolean;
}

/** @throws EngineError invalid-parameter in Docker's words. */
export const parseSecurityOptions = (options: readonly string[] | null | undefined): SecurityOptions => {
  const result: SecurityOptions = { labels: [] };
  for (const option of options ?? []) {
    if (option === "no-new-privileges") {
      result.noNewPrivileges = true;
      continue;
    }
    if (option === "disable") {
      result.labels.push("disable");
      continue;
    }
    const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
    if (at < 0) throw invalidParameter(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    const value = option.slice(at + 1);
    const truth = (): boolean => {
      const parsed = goBoolean(value);
      if (parsed === null) throw invalidParameter(`invalid --security-opt 2: ${JSON.stringify(option)}`);
      return parsed;
    };
    switch (option.slice(0, at)) {
      case "label":
        result.labels.push(value);
        break;
      case "apparmor":
        result.apparmor = value;
        break;
      case "seccomp":
        result.seccomp = value;
        break;
      case "no-new-privileges":
        result.noNewPrivileges = truth();
        break;
      case "writable-cgroups":
        result.writableCgroups = truth();
        break;
      default:
        throw invalidParameter(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return result;
};

// Go's strconv.ParseBool.
const goBoolean = (text: string): boolean | null => {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  return null;
};
