import { hostname } from "node:os";
import { invalidParameter, messageOf } from "../../../base/errors.ts";
import { newContainerId, shortId } from "../../../base/ids.ts";
import { parsePlatform } from "../../../oci/platform.ts";
import type {
  ContainerConfig,
  ContainerCreateResponse,
  HostConfig,
  NetworkingConfig,
} from "../../../wire/engine/container.ts";
import { createRlimits } from "../../runtime/spec/rlimits.ts";
import type { ContainerContext } from "../context.ts";
import { createImageLayers, neededLayers, removeImageLayers, resolveImages } from "../image-mounts.ts";
import { checkRemapped, wantedRemap } from "../remap.ts";
import { randomName } from "../names.ts";
import { type ContainerRecord, eventAttributes } from "../record.ts";
import { requireValidName } from "../rename.ts";
import { initialState } from "../state.ts";
import { commandOf, mergeConfig } from "./config.ts";
import { collectEndpoints } from "./endpoints.ts";
import { furnish } from "./furnish.ts";
import { normalizeHostConfig } from "./host-config.ts";
import { checkNetworkMode } from "./modes.ts";
import { collectMounts, createVolumes } from "./mounts.ts";

/** The body of `POST /containers/create`. */
export type CreateBody = ContainerConfig & {
  HostConfig?: HostConfig | null;
  NetworkingConfig?: NetworkingConfig | null;
};

/** How many random names are tried before the digits give out. */
const maxNameAttempts = 100;

/**
 * Makes a container from an image. Nothing runs yet; its writable layer, its volumes and its name are its own from here on.
 * @param name empty for a random one
 * @param platform empty for the host's
 * @throws EngineError not-found for the image (clients pull then), conflict for the name, invalid-parameter
 */
export const create = async (
  context: ContainerContext,
  name: string,
  platform: string,
  body: CreateBody,
): Promise<ContainerCreateResponse> => {
  const { HostConfig: hostBody, NetworkingConfig: networking, ...own } = body;
  if (Object.keys(own).length === 0) {
    throw invalidParameter("config cannot be empty in order to create a container");
  }
  if (name !== "") requireValidName(name);
  const wanted = platform === "" ? undefined : parsePlatform(platform);
  if (!own.Image) throw invalidParameter("no command specified");
  const image = context.images.get(own.Image, wanted);
  context.runtime.expectStart(); // most containers are started as soon as they are made
  const id = newContainerId();
  checkNetworkMode(hostBody ?? {}, own);
  const config = mergeConfig(own, image.config.config ?? {}, hostnameFor(hostBody ?? {}, id));
  const { hostConfig, warnings } = normalizeHostConfig(hostBody ?? {}, context.settings, context.host);
  if (wantedRemap(context, { hostConfig })) checkRemapped(hostConfig);
  for (const { Type } of hostConfig.Mounts ?? []) {
    if (Type === "image") warnings.push("Image mount is an experimental feature");
  }
  warnings.push(...createRlimits(hostConfig, context.host, context.specDefaults).warnings);
  pinSharedNamespaces(context, hostConfig);
  const command = commandOf(config);
  const networks = collectEndpoints(hostConfig, networking?.EndpointsConfig, own.MacAddress ?? "", warnings);
  const mac = networks[hostConfig.NetworkMode ?? ""]?.MacAddress;
  if (mac) config.MacAddress = mac;
  checkLinks(context, hostConfig);
  const mounts = resolveImages(context, collectMounts(context, config, hostConfig), id);
  const record = {
    id,
    createdNs: context.clock.nowNs().toString(),
    ...command,
    config,
    hostConfig,
    imageId: image.id,
    chainId: image.chainId,
    platform: "linux",
    networks,
    state: initialState,
    restartCount: 0,
    startedBefore: false,
    manuallyStopped: false,
  };
  await store(context, { ...record, name: "", mounts: [] }, name.replace(/^\//, ""), mounts, image.chainId);
  await context.database.synced();
  return { Id: id, Warnings: warnings };
};

/** On the host's network, or in its UTS namespace, a container without a name of its own has the host's. */
const hostnameFor = ({ NetworkMode, UTSMode }: HostConfig, id: string): string =>
  NetworkMode === "host" || UTSMode === "host" ? hostname() : shortId(id);

/** Claims the name, then makes the volumes and the layer, then stores the record; what was made goes when a step fails. */
const store = async (
  context: ContainerContext,
  record: ContainerRecord,
  wantedName: string,
  mounts: ContainerRecord["mounts"],
  chainId: string | null,
): Promise<void> => {
  const name = wantedName === "" ? freeName(context) : wantedName;
  context.containers.reserve(name, record.id);
  // Its images may be removed before the record says that they are used.
  using _kept = context.layers.keep(neededLayers({ chainId, mounts }));
  try {
    const named = await createVolumes(context, mounts, record.hostConfig.VolumeDriver ?? "", record.id);
    await context.layers.writable.create(record.id, chainId, record.hostConfig.StorageOpt ?? {});
    const made = await createImageLayers(context, named);
    const complete: ContainerRecord = { ...record, name, mounts: made };
    await furnish(context, complete);
    context.containers.put(
      complete,
      (transaction) =>
        transaction.emit({
          Type: "container",
          Action: "create",
          Actor: { ID: record.id, Attributes: eventAttributes(complete) },
        }),
      "light",
    );
  } catch (error) {
    context.volumes.unreference(record.id);
    await context.layers.writable.remove(record.id);
    await removeImageLayers(context, { mounts });
    throw error;
  } finally {
    context.containers.unreserve(name);
  }
};

const freeName = (context: ContainerContext): string => {
  for (let attempt = 0; attempt < maxNameAttempts; attempt++) {
    const name = randomName(attempt);
    if (context.containers.isFreeName(name)) return name;
  }
  return `${randomName(1)}_${newContainerId().slice(0, 8)}`;
};

/** `container:name` is kept as `container:<id>`, so that a rename does not break it. */
const pinSharedNamespaces = (context: ContainerContext, hostConfig: HostConfig): void => {
  for (const key of ["IpcMode", "PidMode", "NetworkMode"] as const) {
    const mode = hostConfig[key] ?? "";
    if (!mode.startsWith("container:")) continue;
    const reference = mode.slice("container:".length);
    try {
      hostConfig[key] = `container:${context.containers.find(reference).id}`;
    } catch (error) {
      // dockerd looks for the network's container only at the start.
      if (key !== "NetworkMode") throw invalidParameter(messageOf(error), error);
    }
  }
};

const checkLinks = (context: ContainerContext, hostConfig: HostConfig): void => {
  for (const link of hostConfig.Links ?? []) {
    const [reference = ""] = link.split(":");
    try {
      context.containers.find(reference);
    } catch (error) {
      throw invalidParameter(`could not get container for ${reference}: ${messageOf(error)}`, error);
    }
  }
};
