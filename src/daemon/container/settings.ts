import type { HostConfig } from "../../wire/engine/container.ts";

/** The part of the daemon's configuration that containers look at. */
export interface ContainerSettings {
  /** Holds `containers/<id>/` with each container's own files. */
  readonly dataRoot: string;
  /** Holds `containers/<id>/` with sockets, bundles and status files that a reboot may forget. */
  readonly execRoot: string;
  readonly defaultRuntime: string;
  /** The names that `--runtime` may say. */
  readonly runtimes: readonly string[];
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly defaultUlimits: NonNullable<HostConfig["Ulimits"]>;
  readonly defaultShmSizeBytes: number;
  readonly defaultIpcMode: "private" | "shareable";
  readonly defaultCgroupnsMode: "private" | "host";
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** Empty: the driver's default. */
  readonly cgroupParent: string;
  /** True: containers get an init unless they say otherwise. */
  readonly init: boolean;
  /** How long the daemon waits for containers that it stops itself, milliseconds. */
  readonly shutdownTimeoutMs: number;
  /** Where a verb says what it could not tell its caller. */
  readonly log?: (level: "info" | "warn" | "error", message: string, details?: unknown) => void;
}
