import { invalidParameter } from "../../../base/errors.ts";
import { crunSubgroup } from "../cgroup-of.ts";
import type { SpecInput } from "./input.ts";

/** crun takes orders by annotations of this prefix: hooks, raw BPF, handlers. They are never the user's. */
const runtimePrefix = "run.oci.";

/** @throws EngineError invalid-parameter for annotations that would steer the runtime. */
export const checkAnnotations = (annotations: Record<string, string> | null | undefined): void => {
  for (const key of Object.keys(annotations ?? {})) {
    if (key === "")
      throw invalidParameter("invalid Annotation: the empty string is not permitted as an annotation key");
    if (key.startsWith(runtimePrefix)) {
      throw invalidParameter(`invalid Annotation: "${key}": the prefix "${runtimePrefix}" is reserved`);
    }
  }
};

/** The container's own annotations, and for crun the compiled seccomp program and the cgroup's name below a scope. */
export const annotations = ({ host, hostConfig, seccomp }: SpecInput): Record<string, string> | undefined => {
  checkAnnotations(hostConfig.Annotations);
  const all = { ...hostConfig.Annotations };
  if (seccomp?.program) all[`${runtimePrefix}seccomp_bpf_data`] = seccomp.program;
  if (host.cgroup.driver === "systemd") all[`${runtimePrefix}systemd.subgroup`] = crunSubgroup;
  return Object.keys(all).length === 0 ? undefined : all;
};
