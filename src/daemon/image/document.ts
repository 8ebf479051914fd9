import { invalidParameter } from "../../base/errors.ts";
import { chainId, isDigest } from "../../oci/digest.ts";
import { hostPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";

/** The largest image configuration that is read. */
export const maxConfigBytes = 4 * 1024 * 1024;
const maxLayers = 4096;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === "string";
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isTextMap = (value: unknown): boolean => isObject(value) && Object.values(value).every(isText);

const configShape: Record<string, (value: unknown) => boolean> = {
  User: isText,
  WorkingDir: isText,
  StopSignal: isText,
  Env: isTexts,
  Cmd: isTexts,
  Entrypoint: isTexts,
  OnBuild: isTexts,
  Shell: isTexts,
  Labels: isTextMap,
  ExposedPorts: isObject,
  Volumes: isObject,
  Healthcheck: isObject,
};

const topShape: Record<string, (value: unknown) => boolean> = {
  architecture: isText,
  variant: isText,
  os: isText,
  author: isText,
  comment: isText,
  created: isText,
  config: isObject,
  history: Array.isArray,
};

const historyShape: Record<string, (value: unknown) => boolean> = {
  created: isText,
  created_by: isText,
  author: isText,
  comment: isText,
  empty_layer: (value) => typeof value === "boolean",
};

/** Absent and null are the same to a Go client; anything else must have its type. */
const checkShape = (object: Record<string, unknown>, shape: typeof topShape, where: string): void => {
  for (const [key, isRight] of Object.entries(shape)) {
    const value = object[key];
    if (value !== undefined && value !== null && !isRight(value))
      throw invalidParameter(`invalid image JSON: ${where}${key} has a wrong type`);
  }
};

/**
 * Reads an image configuration and checks everything that the engine will rely on. The bytes are kept as they are; this
 * is only their meaning.
 *
 * @param noRootFs what to say of one without layers' digests; pulls and loads differ
 * @throws EngineError invalid-parameter in Docker's words where Docker has some.
 *
 * **Source:** OCI image-spec, config.md.
 */
export const parseImageConfig = (bytes: Uint8Array, noRootFs = "invalid image JSON, no RootFS key"): OciImageConfig => {
  if (bytes.length > maxConfigBytes) throw invalidParameter(`image config is larger than ${maxConfigBytes} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidParameter("invalid image JSON: not JSON", error);
  }
  if (!isObject(document)) throw invalidParameter("invalid image JSON: not an object");
  checkShape(document, topShape, "");
  if (isObject(document["config"])) checkShape(document["config"], configShape, "config.");
  const rootfs = document["rootfs"];
  if (rootfs === undefined || rootfs === null) throw invalidParameter(noRootFs);
  const diffIds = isObject(rootfs) ? (rootfs["diff_ids"] ?? []) : undefined;
  if (!Array.isArray(diffIds) || diffIds.length > maxLayers || !diffIds.every(isDigest))
    throw invalidParameter("invalid image JSON: rootfs.diff_ids is not a list of digests");
  const history: unknown[] = Array.isArray(document["history"]) ? document["history"] : [];
  for (const entry of history) {
    if (!isObject(entry)) throw invalidParameter("invalid image JSON: a history entry is not an object");
    checkShape(entry, historyShape, "history.");
  }
  const filled = history.filter((entry) => (entry as { empty_layer?: boolean }).empty_layer !== true).length;
  if (filled > diffIds.length) throw invalidParameter("too many non-empty layers in History section");
  return { ...(document as unknown as OciImageConfig), rootfs: { type: "layers", diff_ids: diffIds as string[] } };
};

/** The platform that a configuration names; what it leaves out is this machine's. */
export const platformOf = (config: OciImageConfig): Platform => {
  const host = hostPlatform();
  const variant = config.variant;
  return {
    os: config.os || host.os,
    architecture: config.architecture || host.architecture,
    ...(variant === undefined || variant === null || variant === "" ? {} : { variant }),
  };
};

/** The chain ids of an image's layers, bottom first. */
export const chainIdsOf = (config: OciImageConfig): string[] => {
  const chain: string[] = [];
  for (const diffId of config.rootfs.diff_ids) chain.push(chainId(chain.at(-1) ?? null, diffId));
  return chain;
};
