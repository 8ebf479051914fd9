import { zeroTime } from "../../base/clock.ts";
import type { Platform } from "../../oci/platform.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import type { ImageConfig, ImageInspect } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { platformOf } from "./document.ts";
import { getImage, targetOf } from "./find.ts";
import { descriptorOf, summarizeManifests } from "./manifest-summary.ts";
import type { ImageRecord } from "./record.ts";

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

export interface InspectOptions {
  /** Of a name that stands for several images, the one for this platform. */
  platform?: Platform | undefined;
  /** Tell of every manifest of the name. */
  manifests?: boolean;
}

/** What the name stands for, or of one platform's image its own manifest; undefined when none is known. */
const descriptorFor = (
  { store }: ImageContext,
  name: string,
  image: Readonly<ImageRecord>,
  platform: Platform | undefined,
): Descriptor | undefined => {
  const target = targetOf(store, name, image.id);
  if (target === null) return undefined;
  const own = platform === undefined ? undefined : store.imagesOf(target).find((one) => one.image.id === image.id);
  return own?.entry ?? descriptorOf(store, target);
};

/**
 * Everything there is to know of an image, in the shape of API 1.51.
 *
 * @throws EngineError not-found
 *
 * **Source:** Engine API, ImageInspect.
 */
export const inspectImage = (
  context: ImageContext,
  name: string,
  { platform, manifests }: InspectOptions = {},
): ImageInspect => {
  const image = getImage(context.store, name, platform);
  const { config } = image;
  const { tags, digests } = context.store.namesOf(image.id);
  const created = goTime(config.created);
  const { os, architecture, variant } = { ...platformOf(config), architecture: config.architecture ?? "" };
  const listed = manifests === true ? summarizeManifests(context, targetOf(context.store, name, image.id)) : [];
  const descriptor = descriptorFor(context, name, image, platform);
  return {
    Id: image.id,
    ...(descriptor === undefined ? {} : { Descriptor: descriptor }),
    ...(listed.length === 0 ? {} : { Manifests: listed }),
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
    Size: imageSize(context, context.store.chainOf(image)),
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
