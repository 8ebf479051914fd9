import { invalidParameter } from "../../../base/errors.ts";
import { filesystemName } from "../filesystem.ts";
import { sizeOption } from "../options.ts";
import type { DriverOptions } from "../options.ts";
import { noProjectQuota, ProjectQuota } from "../quota/projects.ts";
import type { OverlayKind } from "./kind.ts";

/** Where project quota may be had; dockerd knows of xfs alone. */
const withProjects = ["xfs", "extfs"];

/** How large containers' layers may become: what the daemon's and their own options say, put in force by project quota. */
export class SizeLimits {
  readonly #kind: OverlayKind;
  readonly #projects: ProjectQuota | null;
  /** Of containers that ask for none; 0 is no limit. */
  readonly #defaultBytes: number;

  /** @throws EngineError invalid-parameter in dockerd's words for an option that is unknown or cannot be had */
  constructor(root: string, kind: OverlayKind, options: DriverOptions) {
    this.#kind = kind;
    const backing = filesystemName(root);
    const mayHave = kind.quota === "projects" && withProjects.includes(backing);
    this.#projects = mayHave ? ProjectQuota.open(root) : null;
    this.#defaultBytes = kind.quota === "projects" ? defaultSize(kind.name, options) : 0;
    if (this.#defaultBytes === 0 || this.#projects !== null) return;
    throw invalidParameter(
      mayHave
        ? `Storage option ${kind.name}.size not supported. Filesystem does not support Project Quota: ${noProjectQuota}`
        : `Storage Option ${kind.name}.size only supported for backingFS XFS. Found ${backing}`,
    );
  }

  /** The size of a new container's layer, 0 for no limit. @throws EngineError invalid-parameter in dockerd's words */
  wanted(options: Record<string, string> | undefined): number {
    if (options === undefined) return 0;
    let bytes = this.#defaultBytes;
    for (const [name, value] of Object.entries(options)) {
      if (this.#kind.quota !== "projects") throw invalidParameter(this.#kind.quota.refusal);
      if (name.toLowerCase() !== "size") throw invalidParameter(`Unknown option ${name}`);
      if (this.#projects === null) {
        throw invalidParameter("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
      }
      bytes = sizeOption(value);
    }
    return bytes;
  }

  /** Limits a layer's directory before anything is in it. */
  set(directory: string, bytes: number): void {
    if (bytes > 0) this.#projects?.limit(directory, bytes);
  }

  release(directory: string): void {
    this.#projects?.release(directory);
  }
}

const defaultSize = (driver: string, options: DriverOptions): number => {
  let bytes = 0;
  for (const [name, value] of options) {
    if (name !== `${driver}.size`) throw invalidParameter(`${driver}: unknown option ${name}`);
    bytes = sizeOption(value);
  }
  return bytes;
};
