import type { HostConfig } from "../../wire/engine/container.ts";
import type { Clock } from "../../base/clock.ts";
import type { KeyedQueue } from "../../base/keyed-queue.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import type { LayerStore } from "../content/layer-store.ts";
import type { ImageService } from "../image/service.ts";
import type { NetworkService } from "../network/service.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { SeccompFilter } from "../runtime/seccomp/filters.ts";
import type { HostFacts, SpecDefaults } from "../runtime/spec/input.ts";
import type { Database } from "../state/database.ts";
import type { Remaps } from "../storage/remap/remaps.ts";
import type { Trash } from "../storage/trash.ts";
import type { VolumeService } from "../volume/service.ts";
import type { CopyTools } from "./archive/archive.ts";
import type { LiveContainers } from "./live.ts";
import type { ContainerSettings } from "./settings.ts";
import type { ContainerStore } from "./store.ts";
import type { Execs } from "./exec/execs.ts";

/** What the verbs of a container work with. One per engine; the verbs hold no state of their own. */
export interface ContainerContext {
  readonly settings: ContainerSettings;
  readonly clock: Clock;
  readonly database: Database;
  readonly containers: ContainerStore;
  /** What is true only while this daemon runs: tasks, waiters, attached clients, restart timers. */
  readonly live: LiveContainers;
  readonly execs: Execs;
  /** One queue per container id. Everything that changes a container runs in it; nothing waits for an exit inside it. */
  readonly queue: KeyedQueue;
  readonly images: ImageService;
  readonly layers: LayerStore;
  /** How owners are mapped: `--userns-remap`. */
  readonly remaps: Remaps;
  /** Takes the folders of removed containers. */
  readonly trash: Trash;
  readonly runtime: Runtime;
  /** What the machine offers containers. */
  readonly host: HostFacts;
  readonly specDefaults: SpecDefaults;
  /** The compiled seccomp filter of a container; null: unconfined. */
  seccompOf(hostConfig: HostConfig): SeccompFilter | null;
  readonly networks: NetworkService;
  readonly volumes: VolumeService;
  /** Look into containers and copy files in and out. */
  readonly copy: CopyTools;
  readonly cgroups: CgroupLayout;
  /** Begins the trace of a start: call the result with each step's name when it is done. */
  trace(id: string): (step: string) => void;
}
