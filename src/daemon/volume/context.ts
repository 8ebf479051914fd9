import type { Clock } from "../../base/clock.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { VolumeRecord } from "./record.ts";

/** What the verbs of volumes work with. */
export interface VolumeContext {
  /** `<data root>/volumes` */
  root: string;
  clock: Clock;
  database: Database;
  volumes: Table<VolumeRecord>;
  /** Fill volumes from images. */
  workers: LayerWorkers;
  /** Volumes with options of their own are mounted while a container runs with them or their files are copied: name → ids of those containers and copies. */
  mounted: Map<string, Set<string>>;
}
