import { join } from "node:path";
import { notFound } from "../../base/errors.ts";
import type { VolumeContext } from "./context.ts";
import type { VolumeDocument, VolumeRecord } from "./record.ts";

/** Where a volume's files are. */
export const dataPath = ({ root }: Pick<VolumeContext, "root">, name: string): string => join(root, name, "_data");

/** **Source:** Engine API, VolumeInspect. */
export const describe = (context: VolumeContext, record: Readonly<VolumeRecord>): VolumeDocument => ({
  CreatedAt: new Date(Number(BigInt(record.createdNs) / 1_000_000n)).toISOString().replace(/\.\d+Z$/, "Z"),
  Driver: record.driver,
  Labels: record.labels,
  Mountpoint: dataPath(context, record.name),
  Name: record.name,
  Options: record.options,
  Scope: "local",
});

/** @throws EngineError not-found "get x: no such volume" */
export const find = (context: VolumeContext, name: string): Readonly<VolumeRecord> => {
  const record = context.volumes.get(name);
  if (!record) throw notFound(`get ${name}: no such volume`);
  return record;
};
