// The image configuration as it is on the wire: its bytes' digest is the image id. Types only.
// Source: OCI image-spec, config.md; Docker image specification v1.3 (OnBuild, Healthcheck, Shell, parent, …).
import type { HealthConfig, ImageConfig } from "../engine/image.ts";

export interface OciImageConfig {
  architecture?: string;
  variant?: string;
  os?: string;
  "os.version"?: string;
  "os.features"?: string[];
  /** RFC 3339. */
  created?: string | null;
  author?: string;
  config?: ImageConfig | null;
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: HistoryEntry[] | null;
  comment?: string;
  container?: string;
  container_config?: unknown;
  docker_version?: string;
  parent?: string;
}

export interface HistoryEntry {
  created?: string | null;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export type { HealthConfig, ImageConfig };
