import { createHash } from "node:crypto";
import type { OciSeccomp } from "../../../wire/oci/runtime.ts";
import { compile, needsRuntime } from "./compile.ts";
import type { Architecture, SeccompProfile } from "./profile.ts";
import { defaultProfile, parseProfile } from "./profile.ts";
import { resolveProfile } from "./resolve.ts";

/** One container's filter: the section for config.json and, where Berth can compile it, the program itself. */
export interface SeccompFilter {
  section: OciSeccomp;
  /** base64 of `struct sock_filter[]`, for crun's annotation `run.oci.seccomp_bpf_data`; null: the runtime compiles. */
  program: string | null;
}

// Filters kept: one per profile and set of capabilities in use.
const maxFilters = 64;

/**
 * Makes filters and keeps those made before: a profile is compiled once for each set of capabilities, which takes a
 * millisecond, and then costs a container's start nothing.
 */
export class SeccompFilters {
  readonly #host: { architecture: Architecture; kernelRelease: string };
  readonly #known = new Map<string, SeccompFilter>();

  constructor(host: { architecture: Architecture; kernelRelease: string }) {
    this.#host = host;
  }

  /**
   * The filter of `profile` (JSON text in Docker's form; null: the default one) for a container with this bounding set.
   *
   * @throws EngineError invalid-parameter when the profile cannot be read.
   */
  get(profile: string | null, capabilities: readonly string[]): SeccompFilter {
    const sorted = [...capabilities].sort();
    const key = createHash("sha256")
      .update(profile ?? "")
      .update("\0")
      .update(sorted.join())
      .digest("hex");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const filter = this.#make(profile === null ? defaultProfile() : parseProfile(profile), sorted);
    const oldest = this.#known.keys().next();
    if (this.#known.size >= maxFilters && oldest.done === false) this.#known.delete(oldest.value);
    this.#known.set(key, filter);
    return filter;
  }

  #make(profile: SeccompProfile, capabilities: readonly string[]): SeccompFilter {
    const section = resolveProfile(profile, { ...this.#host, capabilities });
    if (needsRuntime(section)) return { section, program: null };
    const native = this.#host.architecture === "amd64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
    return { section, program: compile(section, { native }).toString("base64") };
  }
}
