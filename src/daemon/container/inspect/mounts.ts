import type { MountPoint } from "../../../wire/engine/container.ts";
import type { ContainerRecord } from "../record.ts";

/** The Mounts of a container as the API tells them: the engine's own notes left out. */
export const inspectMounts = (record: Readonly<ContainerRecord>): MountPoint[] =>
  record.mounts.map(({ Type, Name, Source, Destination, Driver, Mode, RW, Propagation }) => ({
    ...(Type ? { Type } : {}),
    ...(Name ? { Name } : {}),
    Source: Source ?? "",
    Destination: Destination ?? "",
    ...(Driver ? { Driver } : {}),
    Mode: Mode ?? "",
    RW: RW ?? false,
    Propagation: Propagation ?? "",
  }));
