import type { ContainerConfig, HostConfig, MountPoint } from "../../wire/engine/container.ts";
import type { IdMapping } from "../../linux/namespace/id-mapping.ts";
import type { EndpointSettings } from "../../wire/engine/network.ts";
import type { ContainerState } from "./state.ts";

/** What is durable about a container. Frozen once stored; a change is a new record in one transaction. */
export interface ContainerRecord {
  /** 64 hex digits. */
  id: string;
  /** Without the leading slash that the API shows. */
  name: string;
  /** Nanoseconds since the epoch, decimal. */
  createdNs: string;
  /** Entry point and arguments as they are executed. */
  path: string;
  args: string[];
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** Config digest, `sha256:…`. */
  imageId: string;
  /** The topmost layer of its image; null for an image without layers. */
  chainId: string | null;
  platform: string;
  mounts: MountRecord[];
  /** By network name, as asked for; what was allocated lives in the network room. */
  networks: Record<string, EndpointSettings>;
  state: ContainerState;
  restartCount: number;
  /** The restart under way is in `restartCount` already: a daemon that was killed in the middle of it is not counted twice. */
  restartCounted?: boolean;
  /** True from the first successful start on. */
  startedBefore: boolean;
  /** A start came so far that its /etc/hosts and the like are written, or its log opened. */
  filesWritten?: boolean;
  logOpened?: boolean;
  /** How the owners of its latest run were mapped; absent or null: they were not. */
  idMapping?: IdMapping | null;
  /** By network name, what inspect still tells of the networks of its latest run once that is over. */
  joined?: Record<string, JoinedNetwork>;
  /** `docker stop` and `docker kill` set it, a start clears it; restart policies look at it. */
  manuallyStopped: boolean;
}

/** What outlives an endpoint in inspect. */
export interface JoinedNetwork {
  networkId: string;
  dnsNames: string[] | null;
}

/** A mount of a container: what inspect shows, and what the engine needs to make it. */
export interface MountRecord extends MountPoint {
  /** True when the engine made up the volume's name: `rm -v` and `--rm` remove it. */
  anonymous?: boolean;
  /** True when an empty volume is filled from the image's directory as the container is made. */
  copyUp?: boolean;
  /** Of a mount of an image: its config digest, its topmost layer, and the storage id of the layer that is mounted. */
  image?: { id: string; chainId: string | null; layer: string };
  /** A directory inside the volume, a directory or file inside the image. */
  subpath?: string;
  /** True when a missing bind source is made, as `-v` promises and `--mount` does not. */
  createSource?: boolean;
  /** True when the engine chose the propagation of a bind, for its data root's sake. */
  impliedPropagation?: boolean;
  /** mount(8)'s options of a tmpfs. */
  tmpfsOptions?: string;
  /** What `--mount` says of a bind beyond inspect's fields. */
  bindOptions?: {
    nonRecursive?: boolean;
    readOnlyNonRecursive?: boolean;
    readOnlyForceRecursive?: boolean;
  };
  /** What a volume is to be made with, until it is there. */
  volumeOptions?: { labels: Record<string, string>; driver: string; driverOptions: Record<string, string> };
}

/** `name`, with the slash that Docker's documents carry. */
export const slashed = (record: ContainerRecord): string => `/${record.name}`;

/** What events say of a container: image, name and every label. */
export const eventAttributes = (record: ContainerRecord): Record<string, string> => ({
  ...definedLabels(record),
  image: record.config.Image ?? "",
  name: record.name,
});

const definedLabels = (record: ContainerRecord): Record<string, string> => record.config.Labels ?? {};
