import { invalidParameter } from "../../../base/errors.ts";

type JsonObject = Record<string, unknown>;

/** An image's `json` as Docker wrote it before images were known by their content. */
export interface V1Image {
  /** The id of the image it was made on; undefined for none. */
  parent: string | undefined;
  /** All that it says. */
  document: JsonObject;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws EngineError invalid-parameter for what is no image */
export const parseV1 = (document: unknown): V1Image => {
  if (!isObject(document)) throw invalidParameter("invalid image JSON: not an object");
  const { parent } = document;
  return { parent: typeof parent === "string" && parent !== "" ? parent : undefined, document };
};

/** The entry of an image's history that a v1 image stands for. */
export const historyFromV1 = ({ document }: V1Image): object => {
  const { created, author, comment, container_config: container } = document;
  const command = isObject(container) && Array.isArray(container["Cmd"]) ? container["Cmd"].join(" ") : "";
  return {
    ...(isText(created) ? { created } : {}),
    ...(command === "" ? {} : { created_by: command }),
    ...(isText(author) ? { author } : {}),
    ...(isText(comment) ? { comment } : {}),
  };
};

/** What is no part of a configuration: it is told by the layers, or meant something to old engines alone. */
const dropped = new Set(["id", "parent", "Size", "parent_id", "layer_id", "throwaway"]);

/**
 * The bytes of an image's configuration made of a v1 image: the same as dockerd's, so that it gets the same id.
 *
 * **Source:** what dockerd 28.5 makes of such images.
 */
export const configFromV1 = ({ document }: V1Image, diffIds: string[], history: object[]): Buffer => {
  const kept = isOlder(document["docker_version"]) ? normalized(document) : document;
  const config: JsonObject = { ...kept, rootfs: { type: "layers", diff_ids: diffIds }, history };
  const entries = Object.entries(config)
    .filter(([key, value]) => !dropped.has(key) && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(goJson(Object.fromEntries(entries)));
};

/** Go writes these characters of JSON so that they are harmless in HTML. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Before 1.8.3 engines disagreed on what they wrote: what is not known is left out, what is missing is filled in. */
const isOlder = (version: unknown): boolean => {
  const numbers = (isText(version) ? version : "0").split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  for (const [index, least] of [1, 8, 3].entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number < least;
  }
  return false;
};

const normalized = (document: JsonObject): JsonObject => {
  const { config, container_config: container, created } = document;
  const texts = ["comment", "container", "docker_version", "author", "architecture", "variant", "os"];
  return {
    ...Object.fromEntries(texts.filter((key) => isText(document[key])).map((key) => [key, document[key]])),
    created: isText(created) ? created : null,
    container_config: normalizedConfig(isObject(container) ? container : {}),
    config: isObject(config) ? normalizedConfig(config) : undefined,
  };
};

/** A container's config with all keys in Go's order; those that have no value of their own only when they are set. */
const normalizedConfig = (config: JsonObject): JsonObject => {
  const text = (key: string): string => (isText(config[key]) ? config[key] : "");
  const list = (key: string): unknown => (isText(config[key]) ? [config[key]] : (config[key] ?? null));
  const set = (...keys: string[]): JsonObject =>
    Object.fromEntries(keys.filter((key) => Boolean(config[key])).map((key) => [key, config[key]]));
  return {
    Hostname: text("Hostname"),
    Domainname: text("Domainname"),
    User: text("User"),
    AttachStdin: config["AttachStdin"] === true,
    AttachStdout: config["AttachStdout"] === true,
    AttachStderr: config["AttachStderr"] === true,
    ...set("ExposedPorts"),
    Tty: config["Tty"] === true,
    OpenStdin: config["OpenStdin"] === true,
    StdinOnce: config["StdinOnce"] === true,
    Env: config["Env"] ?? null,
    Cmd: list("Cmd"),
    ...set("Healthcheck", "ArgsEscaped"),
    Image: text("Image"),
    Volumes: config["Volumes"] ?? null,
    WorkingDir: text("WorkingDir"),
    Entrypoint: list("Entrypoint"),
    ...set("NetworkDisabled", "MacAddress"),
    OnBuild: config["OnBuild"] ?? null,
    Labels: config["Labels"] ?? null,
    ...set("StopSignal", "StopTimeout", "Shell"),
  };
};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
