import { mark } from "../../base/trace.ts";
import type { Clock } from "../../base/clock.ts";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import type { Log } from "../../base/logger.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import type { EngineConfig } from "../config/config.ts";
import type { ContainerViews } from "../container/archive/views.ts";
import type { ContainerContext } from "../container/context.ts";
import { Execs } from "../container/exec/execs.ts";
import { LiveContainers } from "../container/live.ts";
import type { ContainerSettings } from "../container/settings.ts";
import type { ContainerStore } from "../container/store.ts";
import type { ImageService } from "../image/service.ts";
import { defaultLogConfig } from "../log/driver.ts";
import type { NetworkService } from "../network/service.ts";
import type { Remaps } from "../storage/remap/remaps.ts";
import type { Database } from "../state/database.ts";
import type { VolumeService } from "../volume/service.ts";
import type { ContentRoom } from "./content.ts";
import type { RuntimeRoom } from "./runtime.ts";

interface Parts {
  config: EngineConfig;
  database: Database;
  clock: Clock;
  log: Log;
  containers: ContainerStore;
  content: ContentRoom;
  remaps: Remaps;
  runtime: RuntimeRoom;
  images: ImageService;
  networks: NetworkService;
  volumes: VolumeService;
  views: ContainerViews;
  cgroups: CgroupLayout;
  trace: boolean;
}

/** What the container room works with, from the rooms below it and the configuration. */
export const containerContext = (parts: Parts): ContainerContext => {
  const { runtime, content, clock, database, log } = parts;
  return {
    settings: settingsOf(parts.config, runtime, log),
    clock,
    database,
    containers: parts.containers,
    live: new LiveContainers(),
    execs: new Execs(database, clock),
    queue: new KeyedQueue(),
    images: parts.images,
    layers: content.layers,
    remaps: parts.remaps,
    trash: content.trash,
    copy: { views: parts.views, workers: content.workers },
    cgroups: parts.cgroups,
    runtime: runtime.runtime,
    host: runtime.host,
    specDefaults: runtime.specDefaults,
    seccompOf: (hostConfig) => runtime.seccompOf(hostConfig),
    networks: parts.networks,
    volumes: parts.volumes,
    // A call that asked to be traced gets the steps in its answer, whatever the log is told.
    trace: parts.trace ? (id) => stepTimer(id, log) : () => mark,
  };
};

const settingsOf = (config: EngineConfig, runtime: RuntimeRoom, log: Log): ContainerSettings => {
  const { containers } = config;
  const logDriver = containers.logDriver || defaultLogConfig.Type;
  return {
    dataRoot: config.dataRoot,
    execRoot: config.execRoot,
    defaultRuntime: runtime.defaultRuntime,
    runtimes: runtime.runtimes.map(({ name }) => name),
    logDriver,
    logOptions:
      logDriver === defaultLogConfig.Type
        ? { ...defaultLogConfig.Config, ...containers.logOptions }
        : containers.logOptions,
    defaultUlimits: Object.values(containers.defaultUlimits),
    defaultShmSizeBytes: containers.defaultShmSizeBytes,
    defaultIpcMode: containers.defaultIpcMode,
    defaultCgroupnsMode: containers.defaultCgroupnsMode || (runtime.host.cgroup.version === 2 ? "private" : "host"),
    cgroupDriver: runtime.cgroupDriver,
    cgroupParent: containers.cgroupParent,
    init: containers.init,
    shutdownTimeoutMs: config.shutdownTimeoutSeconds * 1000,
    log,
  };
};

/** Writes each step of a start with its time and the time since the beginning, milliseconds. */
const stepTimer = (what: string, log: Log): ((step: string) => void) => {
  const begin = performance.now();
  let last = begin;
  return (step) => {
    const now = performance.now();
    mark(step);
    log("info", `trace ${what.slice(0, 17)} ${step}`, { ms: (now - last).toFixed(2), total: (now - begin).toFixed(2) });
    last = now;
  };
};
