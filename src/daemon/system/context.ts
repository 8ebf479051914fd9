import type { Filters } from "../../base/filters.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import type { ContainerSummary } from "../../wire/engine/container.ts";
import type { ImageSummary } from "../../wire/engine/image.ts";
import type { Runtime } from "../../wire/engine/system.ts";
import type { VolumeListResponse } from "../../wire/engine/volume.ts";
import type { EngineConfig } from "../config/config.ts";
import type { DiskSurvey } from "./disk/survey.ts";
import type { HostFacts } from "./host.ts";

/** What a registry's login needs. Never logged. */
export interface Credentials {
  username?: string;
  password?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** A program the engine runs, for `/version`. */
export interface Component {
  name: string;
  version: string;
  commit: string;
}

/** What the documents about the engine are made from; the composition root fills it in from the other services. */
export interface SystemContext {
  config: EngineConfig;
  host: HostFacts;
  cgroups: CgroupLayout;
  /** This engine's id, the same for the life of its data root. */
  id: string;
  /** The driver in use: "cgroupfs" or "systemd". */
  cgroupDriver: "cgroupfs" | "systemd";
  /** Containers are confined by AppArmor. */
  apparmor: boolean;
  /** Containers have user namespaces of their own. */
  userNamespaces: boolean;
  /** "iptables", "nftables", or "" when the engine makes no rules. */
  firewallBackend: string;
  counts(): { running: number; paused: number; stopped: number; images: number };
  eventReaders(): number;
  storage: { name: string; status(): [string, string][] | null };
  runtimes(): Record<string, Runtime>;
  defaultRuntime(): string;
  components(): Promise<Component[]>;
  drivers: { volume: string[]; network: string[]; log: string[] };
  containers: {
    list(options: {
      all: boolean;
      limit: number;
      size: boolean;
      filters: Filters;
    }): Promise<ContainerSummary[]> | ContainerSummary[];
  };
  images: {
    list(options: {
      all: boolean;
      sharedSize: boolean;
      manifests: boolean;
      filters: Filters;
    }): Promise<ImageSummary[]> | ImageSummary[];
    /** Every image with its names and the chain ids of its layers. */
    layers(): { id: string; names: string[]; layers: string[] }[];
  };
  volumes: {
    /** With `UsageData`. */
    usage(): Promise<VolumeListResponse> | VolumeListResponse;
  };
  disk: DiskSurvey;
  /** Asks a registry whether the credentials are good. @throws EngineError unauthorized */
  login(credentials: Credentials, signal: AbortSignal): Promise<{ status: string; identityToken: string }>;
}
