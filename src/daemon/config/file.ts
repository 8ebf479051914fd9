import { readFileSync } from "node:fs";
import { messageOf, systemError } from "../../base/errors.ts";
import { keyOf, type Option, options, unsupported } from "./option.ts";
import { fromFile } from "./value.ts";

/** Keys that add to the flags instead of contradicting them. */
const mergedKeys = ["runtimes"];
/** Keys that dockerd groups; their own keys are options too. */
const proxies = "proxies";

/**
 * Reads `daemon.json`.
 * @param given the flags of the command line; a key may not say again what a flag says.
 * @returns values by flag; undefined when there is no file and it was not asked for by name.
 * @throws system: dockerd's words for what keeps it from starting.
 */
export const readConfigFile = (
  path: string,
  given: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, unknown> | undefined => {
  try {
    const text = readText(path, given.has("config-file"));
    return text === undefined ? undefined : decode(text, given);
  } catch (error) {
    throw systemError(`unable to configure the Docker daemon with file ${path}: ${messageOf(error)}`, error);
  }
};

const readText = (path: string, required: boolean): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (!required) return undefined;
    throw systemError(`open ${path}: no such file or directory`, error);
  }
};

const decode = (text: string, given: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> => {
  const found = parse(text);
  refuseUnknown(Object.keys(found));
  const known = options.flatMap((option) => {
    const key = keyOf(option);
    return key !== null && Object.hasOwn(found, key) ? [{ option, key, value: found[key] }] : [];
  });
  const conflicts = known
    .filter(({ option, key }) => given.has(option.flag) && !mergedKeys.includes(key))
    .map(({ option, key, value }) => `${key}: (from flag: ${show(given.get(option.flag))}, from file: ${show(value)})`);
  if (conflicts.length > 0) {
    throw systemError(
      `the following directives are specified both as a flag and in the configuration file: ${conflicts.join(", ")}`,
    );
  }
  return new Map(known.map(({ option, key, value }) => [option.flag, fromFile(option, key, value)]));
};

const parse = (text: string): Record<string, unknown> => {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw systemError(`invalid JSON: ${messageOf(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw systemError("invalid JSON: json: cannot unmarshal into Go value of type config.Config");
  }
  const { [proxies]: grouped, ...rest } = value as Record<string, unknown>;
  return grouped === undefined ? rest : { ...rest, ...(grouped as object) };
};

const refuseUnknown = (keys: string[]): void => {
  const refused = keys.filter((key) => unsupported.includes(key));
  if (refused.length > 0) {
    throw systemError(`the following directives are not supported by this engine yet: ${refused.join(", ")}`);
  }
  const known = new Set(options.map((option: Option) => keyOf(option)));
  const unknown = keys.filter((key) => !known.has(key));
  if (unknown.length > 0) {
    throw systemError(`the following directives don't match any configuration option: ${unknown.join(", ")}`);
  }
};

/** A value as Go prints it. */
const show = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `map[${Object.entries(value)
    .map(([key, item]) => `${key}:${show(item)}`)
    .join(" ")}]`;
};
