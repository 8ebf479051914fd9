import type { Readable } from "node:stream";
import type { IdMapping } from "../../linux/namespace/id-mapping.ts";
import { pack } from "../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";

/**
 * `GET /containers/{id}/export`: a tar of a container's merged root, without its volumes (they are mounted in the
 * container's namespace, not here). The root stays mounted until the stream is closed: that is the caller's part.
 */
export const exportRoot = (workers: LayerWorkers, rootPath: string, mapping?: IdMapping): Readable =>
  pack(workers, rootPath, mapping === undefined ? {} : { mapping });
