import type { VolumeCreateOptions } from "../../../wire/engine/volume.ts";
import * as s from "./shape.ts";

export const volumeCreate = s.struct("volume.CreateOptions", {
  Name: s.string,
  Driver: s.string,
  DriverOpts: s.map(s.string),
  Labels: s.map(s.string),
  ClusterVolumeSpec: s.any,
}) as s.Shape<VolumeCreateOptions>;
