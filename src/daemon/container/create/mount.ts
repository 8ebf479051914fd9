import { statSync } from "node:fs";
import { posix } from "node:path";
import { invalidParameter, messageOf } from "../../../base/errors.ts";
import type { Mount } from "../../../wire/engine/container.ts";
import type { MountRecord } from "../record.ts";
import { checkDestination, propagations } from "./bind.ts";

/** The options that belong to each type; those of another type are refused. */
const optionsOf = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
} as const;

/** A mount from `--mount`. @throws EngineError invalid-parameter in Docker's words */
export const parseMount = (mount: Mount): MountRecord => {
  const type = mount.Type ?? "";
  const invalid = (why: string): Error => invalidParameter(`invalid mount config for type "${type}": ${why}`);
  if (type !== "bind" && type !== "volume" && type !== "tmpfs" && type !== "image") throw invalid("mount type unknown");
  for (const [other, key] of Object.entries(optionsOf)) {
    if (other !== type && mount[key]) {
      throw invalidParameter(`${key} must not be specified on mount type ${JSON.stringify(type)}`);
    }
  }
  const destination = mount.Target ?? "";
  if (destination === "") throw invalid("field Target must not be empty");
  try {
    checkDestination(destination);
  } catch (error) {
    throw invalid(messageOf(error));
  }
  const common = {
    Destination: posix.normalize(destination).replace(/(.)\/$/, "$1"),
    RW: !(mount.ReadOnly ?? false),
  };
  switch (type) {
    case "bind":
      return { ...bind(mount, invalid), ...common };
    case "volume":
      return { ...volume(mount, invalid), ...common };
    case "image":
      return { ...image(mount, invalid), ...common, RW: false };
    case "tmpfs":
      if (mount.Source) throw invalid("field Source must not be specified");
      return { Type: "tmpfs", Source: "", Mode: "", Propagation: "", tmpfsOptions: tmpfsOptions(mount), ...common };
  }
};

const bind = (mount: Mount, invalid: (why: string) => Error): MountRecord => {
  const source = mount.Source ?? "";
  if (source === "") throw invalid("field Source must not be empty");
  const propagation = mount.BindOptions?.Propagation ?? "";
  if (propagation !== "" && !propagations.includes(propagation)) {
    throw invalid(`invalid propagation mode: ${propagation}`);
  }
  if (!source.startsWith("/")) throw invalid(`invalid mount path: '${source}' mount path must be absolute`);
  const options = mount.BindOptions ?? {};
  if (!options.CreateMountpoint && !statSync(source, { throwIfNoEntry: false })) {
    throw invalid(`bind source path does not exist: ${source}`);
  }
  return {
    Type: "bind",
    Source: posix.normalize(source).replace(/(.)\/$/, "$1"),
    Mode: "",
    Propagation: propagation,
    createSource: options.CreateMountpoint ?? false,
    bindOptions: {
      nonRecursive: options.NonRecursive ?? false,
      readOnlyNonRecursive: options.ReadOnlyNonRecursive ?? false,
      readOnlyForceRecursive: options.ReadOnlyForceRecursive ?? false,
    },
  };
};

/** **Source:** Engine API, Mount with the type "image". */
const image = ({ Source, ImageOptions: options }: Mount, invalid: (why: string) => Error): MountRecord => {
  if (!Source) throw invalid("field Source must not be empty");
  return { Type: "image", Name: Source, Mode: "", Propagation: "rprivate", ...subpathOf(options?.Subpath, invalid) };
};

/** A subpath may not climb out by its words; what its symlinks do is looked at when it is mounted. */
const subpathOf = (subpath: string | undefined, invalid: (why: string) => Error): { subpath?: string } => {
  if (!subpath) return {};
  if (subpath.startsWith("/") || posix.normalize(subpath).split("/")[0] === "..") {
    throw invalid("subpath must be a relative path within the volume");
  }
  return { subpath };
};

const volume = (mount: Mount, invalid: (why: string) => Error): MountRecord => {
  const options = mount.VolumeOptions ?? {};
  if (options.Subpath && !mount.Source) throw invalid("must not set Subpath when using anonymous volumes");
  return {
    Type: "volume",
    ...(mount.Source ? { Name: mount.Source } : { anonymous: true }),
    Mode: "z",
    Propagation: "",
    copyUp: !(options.NoCopy ?? false),
    ...subpathOf(options.Subpath, invalid),
    volumeOptions: {
      labels: options.Labels ?? {},
      driver: options.DriverConfig?.Name ?? "",
      driverOptions: options.DriverConfig?.Options ?? {},
    },
  };
};

const tmpfsOptions = ({ TmpfsOptions: options, ReadOnly: readOnly }: Mount): string => {
  const words: string[] = [];
  if (options?.SizeBytes) words.push(`size=${options.SizeBytes}`);
  if (options?.Mode) words.push(`mode=${options.Mode.toString(8)}`);
  if (readOnly) words.push("ro");
  for (const [key, value] of (options as { Options?: string[][] } | undefined)?.Options ?? []) {
    words.push(value === undefined ? `${key}` : `${key}=${value}`);
  }
  return words.join(",");
};
