import type { Readable } from "node:stream";
import type { Filters } from "../../base/filters.ts";
import type {
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerStatsResponse,
  ContainerSummary,
  ContainerTopResponse,
  FilesystemChange,
  HostConfig,
  Resources,
} from "../../wire/engine/container.ts";
import type { ExecConfig, ExecInspectResponse } from "../../wire/engine/exec.ts";
import type { NetworkConnectRequest, NetworkDisconnectRequest } from "../../wire/engine/network.ts";
import type { LogRequest } from "../log/reader.ts";
import { attach, type Attachment, type AttachOptions } from "./attach/attach.ts";
import type { PathStat } from "./archive/path-stat.ts";
import { changes } from "./changes.ts";
import { closeContainers } from "./close.ts";
import { commit, type CommitOptions } from "./commit.ts";
import type { ContainerContext } from "./context.ts";
import { create, type CreateBody } from "./create/create.ts";
import { execCreate } from "./exec/create.ts";
import { execInspect } from "./exec/inspect.ts";
import { execResize } from "./exec/resize.ts";
import { execStart, type ExecSession, type ExecStartOptions } from "./exec/start.ts";
import { exportContainer, getContainerArchive, putContainerArchive, statContainerPath } from "./files.ts";
import { inspect } from "./inspect/inspect.ts";
import { kill } from "./kill.ts";
import { list, type ListOptions } from "./list/list.ts";
import type { WaitResult } from "./live.ts";
import { type LogAnswer, logs } from "./logs.ts";
import { connectContainer, disconnectContainer } from "./network.ts";
import { pause, unpause } from "./pause.ts";
import { prune } from "./prune.ts";
import { remove, type RemoveOptions } from "./remove.ts";
import { rename } from "./rename.ts";
import { resize } from "./resize.ts";
import { restart } from "./restart/restart.ts";
import { restore } from "./restore/restore.ts";
import { start } from "./start/start.ts";
import { stop, type StopOptions } from "./stop.ts";
import { update } from "./update.ts";
import { imageUses } from "./use.ts";
import { wait } from "./wait.ts";
import { containerStats, topContainer } from "./watch.ts";

/**
 * Everything the API can ask of containers: one line per verb here, a file per verb beside it, which documents what it
 * does and what it throws. `reference` is an id, its unique beginning, or a name.
 */
export class ContainerService {
  readonly #context: ContainerContext;

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  create(name: string, platform: string, body: CreateBody): Promise<ContainerCreateResponse> {
    return create(this.#context, name, platform, body);
  }
  inspect(reference: string, options: { size?: boolean }): Promise<ContainerInspectResponse> {
    return inspect(this.#context, reference, options);
  }
  list(options: ListOptions): Promise<ContainerSummary[]> {
    return list(this.#context, options);
  }
  start(reference: string): Promise<void> {
    return start(this.#context, reference);
  }
  stop(reference: string, options: StopOptions): Promise<void> {
    return stop(this.#context, reference, options);
  }
  restart(reference: string, options: StopOptions): Promise<void> {
    return restart(this.#context, reference, options);
  }
  kill(reference: string, signal: string): Promise<void> {
    return kill(this.#context, reference, signal);
  }
  pause(reference: string): Promise<void> {
    return pause(this.#context, reference);
  }
  unpause(reference: string): Promise<void> {
    return unpause(this.#context, reference);
  }
  rename(reference: string, newName: string): Promise<void> {
    return rename(this.#context, reference, newName);
  }
  remove(reference: string, options: RemoveOptions): Promise<void> {
    return remove(this.#context, reference, options);
  }
  async wait(reference: string, condition: string, signal?: AbortSignal): Promise<{ result: Promise<WaitResult> }> {
    return wait(this.#context, reference, condition, signal);
  }
  update(
    reference: string,
    body: Resources & Pick<HostConfig, "RestartPolicy">,
  ): Promise<{ Warnings: string[] | null }> {
    return update(this.#context, reference, body);
  }
  async resize(reference: string, rows: number, columns: number): Promise<void> {
    resize(this.#context, reference, rows, columns);
  }
  async attach(reference: string, options: AttachOptions): Promise<Attachment> {
    return attach(this.#context, reference, options);
  }
  async logs(reference: string, request: LogRequest): Promise<LogAnswer> {
    return logs(this.#context, reference, request);
  }
  top(reference: string, psArgs: string): Promise<ContainerTopResponse> {
    return topContainer(this.#context, reference, psArgs);
  }
  stats(
    reference: string,
    options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
  ): AsyncIterable<ContainerStatsResponse> {
    return containerStats(this.#context, reference, options);
  }
  statPath(reference: string, path: string): Promise<PathStat> {
    return statContainerPath(this.#context, reference, path);
  }
  getArchive(reference: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    return getContainerArchive(this.#context, reference, path);
  }
  putArchive(
    reference: string,
    path: string,
    content: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  ): Promise<void> {
    return putContainerArchive(this.#context, reference, path, content, options);
  }
  async export(reference: string): Promise<Readable> {
    return exportContainer(this.#context, reference);
  }
  changes(reference: string): Promise<FilesystemChange[] | null> {
    return changes(this.#context, reference);
  }
  prune(filters: Filters): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }> {
    return prune(this.#context, filters);
  }
  commit(options: CommitOptions): Promise<{ Id: string }> {
    return commit(this.#context, options);
  }
  connect(network: string, request: NetworkConnectRequest): Promise<void> {
    return connectContainer(this.#context, network, request);
  }
  disconnect(network: string, request: NetworkDisconnectRequest): Promise<void> {
    return disconnectContainer(this.#context, network, request);
  }
  async execCreate(reference: string, config: ExecConfig): Promise<{ Id: string }> {
    return execCreate(this.#context, reference, config);
  }
  execStart(id: string, options: ExecStartOptions): Promise<ExecSession | undefined> {
    return execStart(this.#context, id, options);
  }
  async execResize(id: string, rows: number, columns: number): Promise<void> {
    execResize(this.#context, id, rows, columns);
  }
  async execInspect(id: string): Promise<ExecInspectResponse> {
    return execInspect(this.#context, id);
  }

  /** Which containers use each image, by whether they run. */
  imageUses(): ReturnType<typeof imageUses> {
    return imageUses(this.#context);
  }

  /** Takes up what an earlier daemon left. Call once, before anything else. */
  restore(): Promise<void> {
    return restore(this.#context);
  }

  /** Lets go of the containers, which run on. */
  [Symbol.dispose](): void {
    closeContainers(this.#context);
  }
}
