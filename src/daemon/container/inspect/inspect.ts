import { join } from "node:path";
import { rfc3339Nano, zeroTime } from "../../../base/clock.ts";
import type { ContainerInspectResponse, ContainerState as WireState } from "../../../wire/engine/container.ts";
import type { ContainerContext } from "../context.ts";
import { appArmorProfile } from "../../runtime/spec/process.ts";
import { parseSecurityOptions } from "../../runtime/spec/security-options.ts";
import { etcFolder, logFile } from "../folders.ts";
import { type ContainerRecord, slashed } from "../record.ts";
import { type ContainerState, isActive, isPaused, statusWord } from "../state.ts";
import { inspectMounts } from "./mounts.ts";
import { networkSettings } from "./network-settings.ts";

/** Everything about one container. **Source:** Engine API, ContainerInspect. @throws EngineError not-found */
export const inspect = async (
  context: ContainerContext,
  reference: string,
  options: { size?: boolean },
): Promise<ContainerInspectResponse> => {
  const record = context.containers.find(reference);
  const folder = record.filesWritten ? etcFolder(context.settings, record) : undefined;
  const driver = context.layers.driver.name;
  const execIds = context.execs.idsOf(record.id);
  const document: ContainerInspectResponse = {
    Id: record.id,
    Created: rfc3339Nano(BigInt(record.createdNs)),
    Path: record.path,
    Args: record.args,
    State: wireState(context, record),
    Image: record.imageId,
    ResolvConfPath: folder === undefined ? "" : join(folder, "resolv.conf"),
    HostnamePath: folder === undefined ? "" : join(folder, "hostname"),
    HostsPath: folder === undefined ? "" : join(folder, "hosts"),
    LogPath: logPathOf(context, record),
    Name: slashed(record),
    RestartCount: record.restartCount,
    Driver: driver,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: appArmorProfileOf(context, record),
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: record.hostConfig,
    GraphDriver: { Name: driver, Data: graphDriverData(context, record.id) },
    Mounts: inspectMounts(record),
    Config: record.config,
    NetworkSettings: networkSettings(context, record),
  };
  const manifest = context.images.manifestOf(record.imageId);
  if (manifest !== undefined) document.ImageManifestDescriptor = manifest;
  if (options.size) {
    const rw = await context.layers.writable.size(record.id);
    document.SizeRw = rw;
    document.SizeRootFs = rw + (await rootSize(context, record));
  }
  return document;
};

/** None before the first start, and where the host has no AppArmor. */
const appArmorProfileOf = ({ host }: ContainerContext, { hostConfig, state }: ContainerRecord): string =>
  host.apparmor && state.status !== "created"
    ? appArmorProfile(hostConfig.Privileged, parseSecurityOptions(hostConfig.SecurityOpt).apparmor)
    : "";

const graphDriverData = (context: ContainerContext, id: string): Record<string, string> => ({
  ID: id,
  ...context.layers.metadata(id),
});

/** Bytes of the image's layers under a container. */
export const rootSize = (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<number> =>
  context.layers.writable.rootSize(record.id, record.chainId);

/** Where the container's log is, empty when its driver keeps no file. */
export const logPathOf = (context: ContainerContext, record: Readonly<ContainerRecord>): string =>
  record.hostConfig.LogConfig?.Type === "json-file" && record.logOpened ? logFile(context.settings, record.id) : "";

const time = (ns: string | null): string => (ns === null ? zeroTime : rfc3339Nano(BigInt(ns)));

const wireState = (context: ContainerContext, record: Readonly<ContainerRecord>): WireState => {
  const { state } = record;
  const health = context.live.find(record.id)?.health;
  return {
    Status: statusWord(state) as NonNullable<WireState["Status"]>,
    Running: isActive(state),
    Paused: isPaused(state),
    Restarting: state.status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: pidOf(state),
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: time(state.startedNs),
    FinishedAt: time(state.finishedNs),
    ...(health ? { Health: health.document() } : {}),
  };
};

const pidOf = (state: ContainerState): number => (state.status === "running" ? state.pid : 0);
