import type { Volume } from "../../wire/engine/volume.ts";

/** A volume as it is stored, in table `volumes` by its name. */
export interface VolumeRecord {
  name: string;
  driver: "local";
  /** Nanoseconds since the epoch, decimal. */
  createdNs: string;
  labels: Record<string, string> | null;
  options: Record<string, string> | null;
  /** Containers that have it among their mounts, running or not. Ids. */
  users: string[];
}

/** A volume as the API shows it: what its server always fills in. */
export type VolumeDocument = Required<Pick<Volume, "Name" | "Driver" | "Mountpoint" | "Scope">> & Volume;
