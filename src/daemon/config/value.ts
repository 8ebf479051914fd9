import { systemError } from "../../base/errors.ts";
import type { AddressPool, RuntimeConfig, Ulimit } from "./config.ts";
import type { Option } from "./option.ts";

const booleans: Record<string, boolean> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/**
 * Adds the text of one flag to what earlier flags of the same name gave.
 * @throws Error in the words that follow `invalid argument "x" for "--y" flag: `.
 */
export const addFlag = (option: Option, before: unknown, text: string): unknown => {
  switch (option.kind) {
    case "string":
      return text;
    case "boolean": {
      const value = booleans[text];
      if (value === undefined) throw systemError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
      return value;
    }
    case "integer":
      if (!/^[+-]?[0-9]+$/.test(text)) {
        throw systemError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
      }
      return Number(text);
    case "bytes":
      return parseBytes(text);
    case "list":
      return [...((before as string[] | undefined) ?? []), text];
    case "map":
      return { ...(before as object), ...pair(text) };
    case "runtimes":
      return { ...(before as object), ...runtimeFlag(text) };
    case "ulimits":
      return { ...(before as object), ...ulimitFlag(text) };
    case "pools":
      return [...((before as AddressPool[] | undefined) ?? []), poolFlag(text)];
  }
};

/**
 * The value of a key of `daemon.json`.
 * @throws system in the words of dockerd's JSON decoder.
 */
export const fromFile = (option: Option, key: string, value: unknown): unknown => {
  const refuse = (found: unknown, type: string, path = key): never => {
    const what = Array.isArray(found) ? "array" : typeof found === "boolean" ? "bool" : typeof found;
    throw systemError(
      `invalid JSON: json: cannot unmarshal ${what} into Go struct field Config.${path} of type ${type}`,
    );
  };
  const strings = (type: string): Record<string, string> => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(value, type);
    for (const [name, item] of Object.entries(value)) {
      if (typeof item !== "string") refuse(item, "string", `${key}.${name}`);
    }
    return value as Record<string, string>;
  };
  switch (option.kind) {
    case "string":
      return typeof value === "string" ? value : refuse(value, "string");
    case "boolean":
      return typeof value === "boolean" ? value : refuse(value, "bool");
    case "integer":
      return typeof value === "number" && Number.isInteger(value) ? value : refuse(value, "int");
    case "bytes":
      if (typeof value === "number") return value;
      return typeof value === "string" ? parseBytes(value) : refuse(value, "string");
    case "list":
      if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) return refuse(value, "[]string");
      return value;
    case "map":
      return strings("map[string]string");
    case "runtimes":
      return runtimesOf(value, refuse);
    case "ulimits":
      return ulimitsOf(value, refuse);
    case "pools":
      return poolsOf(value, refuse);
  }
};

type Refuse = (found: unknown, type: string, path?: string) => never;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const runtimesOf = (value: unknown, refuse: Refuse): Record<string, RuntimeConfig> => {
  if (!isObject(value)) return refuse(value, "map[string]system.Runtime");
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (!isObject(item)) return refuse(item, "system.Runtime", `runtimes.${name}`);
      const { path = "", runtimeArgs = [] } = item;
      if (typeof path !== "string" || path === "") throw systemError(`runtime ${name}: a path is needed`);
      if (!Array.isArray(runtimeArgs)) return refuse(runtimeArgs, "[]string", `runtimes.${name}.runtimeArgs`);
      return [name, { path, args: runtimeArgs.map(String) }];
    }),
  );
};

const ulimitsOf = (value: unknown, refuse: Refuse): Record<string, Ulimit> => {
  if (!isObject(value)) return refuse(value, "map[string]*container.Ulimit");
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (!isObject(item)) return refuse(item, "container.Ulimit", `default-ulimits.${name}`);
      const { Hard, Soft } = item;
      if (typeof Hard !== "number") return refuse(Hard, "int64", `default-ulimits.${name}.Hard`);
      if (typeof Soft !== "number") return refuse(Soft, "int64", `default-ulimits.${name}.Soft`);
      return [name, { Name: name, Hard, Soft }];
    }),
  );
};

const poolsOf = (value: unknown, refuse: Refuse): AddressPool[] => {
  if (!Array.isArray(value)) return refuse(value, "[]*ipamutils.NetworkToSplit");
  return value.map((item: unknown) => {
    if (!isObject(item)) return refuse(item, "ipamutils.NetworkToSplit", "default-address-pools");
    const { base, size } = item;
    if (typeof base !== "string") return refuse(base, "string", "default-address-pools.base");
    if (typeof size !== "number") return refuse(size, "int", "default-address-pools.size");
    return { base, size };
  });
};

const pair = (text: string): Record<string, string> => {
  const at = text.indexOf("=");
  return at < 0 ? { [text]: "" } : { [text.slice(0, at)]: text.slice(at + 1) };
};

const runtimeFlag = (text: string): Record<string, RuntimeConfig> => {
  const found = /^([^=]+)=(.+)$/.exec(text);
  if (found === null) throw systemError(`invalid runtime argument: ${text}`);
  const name = (found[1] ?? "").trim().toLowerCase();
  return { [name]: { path: (found[2] ?? "").trim(), args: [] } };
};

const ulimitFlag = (text: string): Record<string, Ulimit> => {
  const found = /^([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?$/.exec(text);
  if (found === null) throw systemError(`invalid ulimit argument: ${text}`);
  const name = found[1] ?? "";
  const soft = Number(found[2]);
  const hard = found[3] === undefined ? soft : Number(found[3]);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw systemError(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { [name]: { Name: name, Soft: soft, Hard: hard } };
};

const poolFlag = (text: string): AddressPool => {
  const fields: Record<string, string> = Object.assign({}, ...text.split(",").map(pair));
  const size = Number(fields["size"]);
  if (fields["base"] === undefined || !Number.isInteger(size)) throw systemError(`invalid field ${text}`);
  return { base: fields["base"], size };
};

const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** Sizes as `64m`, `1.5 GiB`, `1024`. @throws system `invalid size: 'x'` */
export const parseBytes = (text: string): number => {
  const found = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?$/i.exec(text);
  if (found === null) throw systemError(`invalid size: '${text}'`);
  return Math.floor(Number(found[1]) * (units[(found[2] ?? "b").toLowerCase()] ?? 1));
};
