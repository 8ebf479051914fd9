import { hostname } from "node:os";
import type { Vars } from "./step.ts";

/** Numbers under these keys are sizes, times or process ids: which value is chance, that it is there (or 0, or -1) is not. */
const chanceNumbers = new Set(
  (
    "Size SizeRw SizeRootFs VirtualSize LayersSize Pid time timeNano Created SpaceReclaimed SharedSize size current total mtime UsageData.Size " +
    "VolumeSize duration"
  ).split(" "),
);

/** Text under these keys is a path or a fact of the host. */
const hostTexts = new Set([
  "SandboxKey",
  "DockerRootDir",
  "EndpointID",
  "SandboxID",
  "HostnamePath",
  "HostsPath",
  "ResolvConfPath",
  "LogPath",
  "NetworkID",
  "MacAddress",
  "execDuration",
  "DockerVersion",
]);

type Item = Record<string, unknown>;

/** Lists whose order is that of a Go map (chance) or that clients do not rely on, by the key they are sorted by. */
const unordered: Record<string, (item: never) => string> = {
  Mounts: (item: Item) => String(item["Destination"]),
  Volumes: (item: Item) => String(item["Name"]),
  NetworksDeleted: String,
  VolumesDeleted: String,
  ContainersDeleted: String,
  ImagesDeleted: (item: Item) => JSON.stringify(item),
  Ports: (item: Item) => `${String(item["PrivatePort"])} ${String(item["Type"])} ${String(item["IP"])}`,
};

/** The order of a whole answer, where it is chance: networks by name, changes by path. */
const orderOf = (items: unknown[]): ((item: never) => string) | undefined => {
  const first = items[0];
  if (typeof first !== "object" || first === null) return undefined;
  if ("Driver" in first && "IPAM" in first) return (item: Item) => String(item["Name"]);
  if ("Path" in first && "Kind" in first) return (item: Item) => String(item["Path"]);
  return undefined;
};

const text = (value: string): string =>
  value
    .replaceAll(/\b(?!0001-01-01)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})/g, "<time>")
    .replaceAll(/\b\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?( [+-]\d{4} [A-Z]+)?/g, "<time>")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:<digest>")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "<id>")
    .replaceAll(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b/g, "<short id>")
    .replaceAll(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "<mac>")
    .replaceAll(
      /\b(?:172\.(?:1[6-9]|2\d|3[01])|10\.\d+|192\.168)\.\d+\.\d+(\/\d+)?\b/g,
      (_, width?: string) => `<ip>${width ?? ""}`,
    )
    .replaceAll(/\b(?:about |less than )?(?:an?|\d+) (?:second|minute|hour|day)s?(?= ago)/gi, "<duration>")
    .replaceAll(/^Up (?:about |less than )?(?:an?|\d+) (?:second|minute|hour)s?/gi, "Up <duration>")
    .replaceAll(/Get "https:[^"]*": dial tcp: .*/g, "<registry is not reachable>")
    .replaceAll(/to \d+\.00, as there are only \d+ CPUs/g, "to <number>, as there are only <number> CPUs")
    .replaceAll(/available: 0-\d+$/g, "available: <cpus>")
    .replaceAll(/docker-import-\d+/g, "<temporary>")
    .replaceAll(/:(3[2-9]\d{3}|[45]\d{4})\b/g, ":<port>");

/** Replaces what depends on chance, time or host in decoded answers by placeholders; the same values get the same names. */
export class Normaliser {
  readonly #vars: Vars;
  readonly #rootDir: string;

  /** `rootDir`: the engine's data root, shown as `<root>`. */
  constructor(vars: Vars, rootDir: string) {
    this.#vars = vars;
    this.#rootDir = rootDir;
  }

  text(value: string): string {
    let result = value;
    for (const [name, known] of this.#vars) {
      if (known.length < 8) continue;
      result = result.replaceAll(known, `<${name}>`);
      const digits = known.replace(/^sha256:/, "");
      if (!/^[0-9a-f]{64}$/.test(digits)) continue;
      result = result.replaceAll(digits, `<${name} digits>`).replaceAll(digits.slice(0, 12), `<${name} short>`);
    }
    return text(result.replaceAll(this.#rootDir, "<root>")).replaceAll(/overlay2\/<[^>]+>/g, "overlay2/<id>");
  }

  json(value: unknown, key = ""): unknown {
    if (typeof value === "string") return this.#string(value, key);
    if (typeof value === "number") return value > 0 && chanceNumbers.has(key) ? "<number>" : this.#number(value, key);
    if (Array.isArray(value)) return this.#list(value, key);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, item]): [string, unknown] => [this.text(name), this.json(item, name)])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  #list(value: unknown[], key: string): unknown[] {
    const order = unordered[key] ?? orderOf(value);
    const items = value.map((item) => this.json(item, key));
    if (!order) return items;
    const rank = (item: unknown) => `${order(item as never)} ${JSON.stringify(item)}`;
    return items.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  #string(value: string, key: string): string {
    if (value !== "" && hostTexts.has(key)) return key.endsWith("Path") ? this.text(value) : `<${key}>`;
    if (/^(Host|Public)Port$/.test(key) && Number(value) >= 32768) return "<port>";
    if (/^(Name|Names|name)$/.test(key) && /^\/?[a-z]+_[a-z]+\d?$/.test(value))
      return value.startsWith("/") ? "/<chance name>" : "<chance name>";
    if (key === "Hostname" && value === hostname()) return "<host name>";
    return this.text(value);
  }

  #number(value: number, key: string): unknown {
    return key === "PublicPort" && value >= 32768 ? "<port>" : value;
  }
}

/** Key sets and types alone: every leaf becomes the name of its type, lists the distinct shapes of their items. */
export const shapeOf = (value: unknown): unknown => {
  if (value === null || value === "") return value;
  if (Array.isArray(value)) {
    const shapes = new Map(value.map((item) => [JSON.stringify(shapeOf(item)), shapeOf(item)]));
    return [...shapes.keys()].sort().map((name) => shapes.get(name));
  }
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]): [string, unknown] => [name, shapeOf(item)]),
  );
};

/** Headers that say something; length, date and framing follow from the body. */
const relevantHeaders = new Set(
  "content-type api-version ostype docker-experimental server builder-version swarm cache-control pragma connection upgrade x-docker-container-path-stat location allow".split(
    " ",
  ),
);

export const normaliseHeaders = (headers: Record<string, string>, normaliser: Normaliser): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(
        ([name]) =>
          relevantHeaders.has(name) && !(name === "connection" && /keep-alive|close/i.test(headers[name] ?? "")),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]): [string, unknown] => {
        if (name === "server") return [name, value.replace(/\/\S+/, "/<version>")];
        if (name === "x-docker-container-path-stat")
          return [name, normaliser.json(JSON.parse(Buffer.from(value, "base64").toString()))];
        return [name, value];
      }),
  );
