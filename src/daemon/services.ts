import type { Readable } from "node:stream";
import type { Filters } from "../base/filters.ts";
import type {
  ContainerConfig,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerStatsResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  FilesystemChange,
  HostConfig,
  NetworkingConfig,
  Resources,
  RestartPolicy,
} from "../wire/engine/container.ts";
import type { ExecConfig, ExecInspectResponse, ExecStartConfig } from "../wire/engine/exec.ts";
import type {
  AttestationStatement,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSummary,
} from "../wire/engine/image.ts";
import type {
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
} from "../wire/engine/network.ts";
import type { Platform } from "../oci/platform.ts";
import type { ProgressMessage } from "../wire/engine/progress.ts";
import type { SystemInfo, SystemVersion } from "../wire/engine/system.ts";
import type { Volume, VolumeCreateOptions, VolumeListResponse } from "../wire/engine/volume.ts";
import type { RegistryAuthConfig } from "../wire/registry/auth.ts";
import type { PathStat } from "./container/archive/path-stat.ts";
import type { Attachment, AttachOptions } from "./container/attach/attach.ts";
import type { CommitOptions } from "./container/commit.ts";
import type { LogAnswer } from "./container/logs.ts";
import type { StopOptions } from "./container/stop.ts";
import type { EventLog } from "./event/log.ts";

/** The body of ContainerCreate: the config at the top level, with the two others in it. */
export type ContainerCreateBody = ContainerConfig & { HostConfig?: HostConfig; NetworkingConfig?: NetworkingConfig };
/** The body of ContainerUpdate. */
export type ContainerUpdateBody = Resources & { RestartPolicy?: RestartPolicy };

// What the routes need of the services: each method is one operation of the API. The services' own classes satisfy
// these by their shape; a test hands in objects of its own.

/** As the query says it; the reader of the log knows what each means. */
export interface LogOptions {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  details: boolean;
  /** A number of records from the end; anything else means all of them. */
  tail: string;
  since: string;
  until: string;
  signal: AbortSignal;
}

export interface ContainerRoutesService {
  create(name: string, platform: string, body: ContainerCreateBody): Promise<ContainerCreateResponse>;
  inspect(ref: string, options: { size: boolean }): ContainerInspectResponse | Promise<ContainerInspectResponse>;
  list(options: {
    all: boolean;
    limit: number;
    size: boolean;
    filters: Filters;
  }): ContainerSummary[] | Promise<ContainerSummary[]>;
  start(ref: string): Promise<void>;
  stop(ref: string, options: StopOptions): Promise<void>;
  restart(ref: string, options: StopOptions): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, newName: string): Promise<void>;
  remove(ref: string, options: { force: boolean; removeVolumes: boolean; removeLink: boolean }): Promise<void>;
  /** The outer promise: waiting has begun. The inner one: what was waited for. */
  wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<{ result: Promise<ContainerWaitResponse> }>;
  update(ref: string, body: ContainerUpdateBody): Promise<ContainerUpdateResponse>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  attach(ref: string, options: AttachOptions): Promise<Attachment>;
  logs(ref: string, options: LogOptions): Promise<LogAnswer>;
  top(ref: string, psArgs: string): Promise<ContainerTopResponse>;
  stats(
    ref: string,
    options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
  ): Promise<AsyncIterable<ContainerStatsResponse>> | AsyncIterable<ContainerStatsResponse>;
  changes(ref: string): Promise<FilesystemChange[] | null>;
  export(ref: string): Promise<Readable>;
  statPath(ref: string, path: string): Promise<PathStat>;
  getArchive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  putArchive(
    ref: string,
    path: string,
    body: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  ): Promise<void>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
  commit(options: CommitOptions): Promise<{ Id: string }>;
  execCreate(ref: string, config: ExecConfig): Promise<{ Id: string }>;
  execStart(id: string, options: ExecStartConfig): Promise<Attachment | undefined>;
  execResize(id: string, rows: number, columns: number): Promise<void>;
  execInspect(id: string): ExecInspectResponse | Promise<ExecInspectResponse>;
  /** Connects a container to a network, running or not. */
  connect(network: string, body: NetworkConnectRequest): Promise<void>;
  disconnect(network: string, body: NetworkDisconnectRequest): Promise<void>;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export type Progress = (message: ProgressMessage) => void;

export interface ImageRoutesService {
  list(options: {
    all: boolean;
    sharedSize: boolean;
    manifests: boolean;
    filters: Filters;
  }): ImageSummary[] | Promise<ImageSummary[]>;
  inspect(
    ref: string,
    options: { platform: Platform | undefined; manifests: boolean },
  ): ImageInspect | Promise<ImageInspect>;
  history(
    ref: string,
    options: { platform: Platform | undefined },
  ): ImageHistoryResponseItem[] | Promise<ImageHistoryResponseItem[]>;
  pull(
    reference: string,
    options: {
      auth: RegistryAuthConfig;
      platform: Platform | undefined;
      /** The whole index. */
      allPlatforms: boolean;
      all: boolean;
      signal: AbortSignal;
    },
    progress: Progress,
  ): Promise<void>;
  /** @param reference with a tag, or without one for all tags */
  push(
    reference: string,
    options: { auth: RegistryAuthConfig; platform: Platform | undefined; signal: AbortSignal },
    progress: Progress,
  ): Promise<void>;
  import(
    source: Readable | string,
    options: {
      repo: string;
      tag: string;
      message: string;
      changes: string[];
      platform: Platform | undefined;
      signal: AbortSignal;
    },
    progress: Progress,
  ): Promise<unknown>;
  load(
    tar: Readable,
    options: { quiet: boolean; platform: Platform | undefined; signal: AbortSignal },
    progress: Progress,
  ): Promise<void>;
  save(names: string[], options: { platform: Platform | undefined }): Readable | Promise<Readable>;
  attestations(
    ref: string,
    options: { platform: Platform | undefined; types: string[]; statement: boolean },
  ): Promise<AttestationStatement[]>;
  tag(ref: string, repo: string, tag: string): void | Promise<void>;
  remove(
    ref: string,
    options: { force: boolean; prune: boolean; platforms: Platform[] },
  ): ImageDeleteResponseItem[] | Promise<ImageDeleteResponseItem[]>;
  prune(filters: Filters): Promise<{ ImagesDeleted?: ImageDeleteResponseItem[] | null; SpaceReclaimed?: number }>;
  /** What a registry holds under a name. */
  distribution(ref: string, auth: RegistryAuthConfig, signal: AbortSignal): Promise<unknown>;
  /** Looks for repositories in a registry's index or catalog. */
  search(
    term: string,
    options: { limit: number; filters: Filters; auth: RegistryAuthConfig; signal: AbortSignal },
  ): Promise<unknown>;
}

export interface NetworkRoutesService {
  list(filters: Filters): Network[] | Promise<Network[]>;
  inspect(ref: string, options: { verbose: boolean; scope: string }): Network | Promise<Network>;
  create(body: NetworkCreateRequest): Promise<NetworkCreateResponse>;
  remove(ref: string): Promise<void>;
  /** @param until the filter `until`, nanoseconds since the epoch */
  prune(filters: Filters, until: bigint | undefined): Promise<{ NetworksDeleted: string[] | null }>;
}

export interface VolumeRoutesService {
  list(filters: Filters): VolumeListResponse | Promise<VolumeListResponse>;
  create(body: VolumeCreateOptions): Promise<Volume> | Volume;
  get(name: string): Volume | Promise<Volume>;
  remove(name: string, options: { force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>;
}

export interface SystemRoutesService {
  version(): SystemVersion | Promise<SystemVersion>;
  info(): SystemInfo | Promise<SystemInfo>;
  /** `types` of ContainerImage, Volume … asked for; empty: all. */
  diskUsage(types: readonly DiskUsageType[]): Promise<object>;
  diskDetails(): Promise<object>;
  auth(credentials: RegistryAuthConfig, signal: AbortSignal): Promise<{ Status: string; IdentityToken: string }>;
}

export const diskUsageTypes = ["container", "image", "volume", "build-cache"] as const;
export type DiskUsageType = (typeof diskUsageTypes)[number];

export interface Services {
  containers: ContainerRoutesService;
  images: ImageRoutesService;
  networks: NetworkRoutesService;
  volumes: VolumeRoutesService;
  system: SystemRoutesService;
  events: EventLog;
}
