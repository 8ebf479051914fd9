import { run } from "../../linux/process/run.ts";

/** A program that makes containers as the OCI runtime specification says, and what this version of it can do. */
export interface OciRuntime {
  /** The name users give: `--runtime runc`. */
  name: string;
  /** Absolute. */
  path: string;
  /** Arguments before its command, from daemon.json's `runtimeArgs`. */
  arguments: readonly string[];
  kind: "crun" | "runc" | "other";
  /** Such as `1.8.1`; "" when it does not say. */
  version: string;
  /** Takes a compiled seccomp program in the annotation `run.oci.seccomp_bpf_data`. */
  takesBpf: boolean;
  /** Knows the mount option `rro`. */
  recursiveReadOnly: boolean;
}

const versionTimeoutMs = 10_000;

/**
 * Asks a runtime who it is.
 *
 * @throws SystemError when it cannot be executed.
 */
export const detectRuntime = async (name: string, path: string, args: readonly string[] = []): Promise<OciRuntime> => {
  const { stdout } = await run([path, "--version"], { timeoutMs: versionTimeoutMs });
  const [, program = "", version = ""] = /^(\w+) version (\d+(?:\.\d+)*)/.exec(stdout.toString()) ?? [];
  const kind = program === "crun" || program === "runc" ? program : "other";
  return {
    name,
    path,
    arguments: args,
    kind,
    version,
    takesBpf: kind === "crun",
    recursiveReadOnly: (kind === "crun" && atLeast(version, "1.4")) || (kind === "runc" && atLeast(version, "1.1")),
  };
};

const atLeast = (version: string, wanted: string): boolean => {
  const [a, b] = [version, wanted].map((text) => text.split(".").map(Number));
  for (let index = 0; index < (b?.length ?? 0); index += 1) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
};
