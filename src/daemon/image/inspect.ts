import { zeroTime } from "../../base/clock.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageConfig, ImageInspect } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { chainIdsOf, platformOf } from "./document.ts";
import { getImage } from "./find.ts";

/** Bytes of all layers of an image, each counted once per place in the chain. */
export const imageSize = (context: ImageContext, chain: readonly string[]): number =>
  chain.reduce((total, chainId) => total + (context.layers.get(chainId)?.sizeBytes ?? 0), 0);

/** A time as Go's RFC3339Nano writes it: no trailing zeros in the fraction. */
export const goTime = (time: string | null | undefined): string | undefined => {
  if (time === null || time === undefined || Number.isNaN(Date.parse(time))) return undefined;
  return time.replace(/\.(\d*?)0*(?=[Z+-])/, (_, digits: string) => (digits === "" ? "" : `.${digits}`));
};

/** Keys that are in every answer, set or not. **Source:** Engine API 1.50, ImageInspect. */
const alwaysShown = {
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: "",
  Volumes: null,
  WorkingDir: "",
} as const;

const shownWhenSet = ["ExposedPorts", "Healthcheck", "ArgsEscaped", "StopSignal", "Shell"] as const;

const isSet = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== "" &&
  value !== false &&
  !(typeof value === "object" && Object.keys(value).length === 0);

const configOf = (config: ImageConfig | null | undefined): ImageConfig => {
  const keys = [...Object.keys(alwaysShown), ...shownWhenSet] as (keyof ImageConfig)[];
  const set = keys.filter((key) => isSet(config?.[key])).map((key) => [key, config?.[key]]);
  return { ...alwaysShown, ...(Object.fromEntries(set) as ImageConfig) };
};

/**
 * Everything there is to know of an image, in the shape of API 1.51 without the keys of other image stores.
 *
 * @throws EngineError not-found
 *
 * **Source:** Engine API, ImageInspect.
 */
export const inspectImage = (context: ImageContext, name: string, platform?: Platform): ImageInspect => {
  const image = getImage(context.store, name, platform);
  const { config } = image;
  const { tags, digests } = context.store.namesOf(image.id);
  const created = goTime(config.created);
  const { os, architecture, variant } = { ...platformOf(config), architecture: config.architecture ?? "" };
  return {
    Id: image.id,
    RepoTags: tags.map((tag) => tag.familiar()),
    RepoDigests: digests.map((digest) => digest.familiar()),
    Parent: image.parent ?? "",
    Comment: config.comment || (config.history?.at(-1)?.comment ?? ""),
    ...(created === undefined ? {} : { Created: created }),
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: configOf(config.config),
    Architecture: architecture,
    ...(variant === undefined ? {} : { Variant: variant }),
    Os: os,
    ...(config["os.version"] === undefined ? {} : { OsVersion: config["os.version"] }),
    Size: imageSize(context, chainIdsOf(config)),
    GraphDriver: {
      Name: context.driverName,
      Data: graphDriverData(context, image.chainId),
    },
    RootFS: {
      Type: "layers",
      ...(config.rootfs.diff_ids.length === 0 ? {} : { Layers: [...config.rootfs.diff_ids] }),
    },
    Metadata: { LastTagTime: image.lastTagTime ?? zeroTime },
  };
};

/** null for a driver that tells nothing, and for an image without layers. */
const graphDriverData = ({ layers }: ImageContext, chainId: string | null): Record<string, string> | null => {
  const data = chainId === null ? {} : layers.metadata(chainId);
  return Object.keys(data).length === 0 ? null : data;
};
