import type { Filters } from "../../../base/filters.ts";
import { invalidParameter, isKind, systemError } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { endpointsOf } from "../networks.ts";
import { type ContainerRecord, slashed } from "../record.ts";
import { isRunning, statusWord } from "../state.ts";
import { healthOf, portsOf } from "./summary.ts";

const knownKeys = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "label!",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];
const statusWords = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const healthWords = ["none", "starting", "healthy", "unhealthy"];

type Accepts = (record: Readonly<ContainerRecord>) => boolean;

/**
 * The `filters` of `docker ps` as one question to a record.
 * @throws EngineError invalid-parameter for a key or value Docker refuses, not-found for before/since
 */
export const compileFilters = (context: ContainerContext, filters: Filters): Accepts => {
  filters.requireKeys(knownKeys);
  const tests: Accepts[] = [
    (record) => filters.matchLabels(record.config.Labels),
    ...names(filters),
    ...states(context, filters),
    ...order(context, filters),
    ...ancestors(context, filters),
    ...ports(context, filters),
    ...attachments(context, filters),
  ];
  return (record) => tests.every((test) => test(record));
};

const names = (filters: Filters): Accepts[] => {
  const patterns = filters.get("name").map(pattern);
  return [
    (record) => filters.any("id", (value) => record.id.startsWith(value) || pattern(value).test(record.id)),
    (record) => patterns.length === 0 || patterns.some((name) => name.test(record.name) || name.test(slashed(record))),
  ];
};

/** Go's and JavaScript's expressions agree on what people type here; what does not compile is taken literally. */
const pattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  }
};

const states = (context: ContainerContext, filters: Filters): Accepts[] => {
  for (const value of filters.get("status")) {
    if (!statusWords.includes(value)) {
      throw invalidParameter(
        `invalid filter 'status=${value}': invalid value for state (${value}): must be one of ${statusWords.join(", ")}`,
      );
    }
  }
  for (const value of filters.get("health")) {
    if (!healthWords.includes(value)) {
      throw invalidParameter(
        `invalid filter 'health=${value}': invalid value for health (${value}): must be one of ${healthWords.join(", ")}`,
      );
    }
  }
  const codes = filters.get("exited").map((value) => {
    if (!/^[+-]?\d+$/.test(value)) {
      throw invalidParameter(`invalid filter 'exited=${value}': strconv.Atoi: parsing "${value}": invalid syntax`);
    }
    return Number(value);
  });
  const task = filters.has("is-task") ? filters.flag("is-task", false) : undefined;
  return [
    (record) => filters.any("status", (value) => value === statusWord(record.state)),
    (record) => filters.any("health", (value) => value === healthOf(context, record)),
    (record) =>
      codes.length === 0 ||
      (!isRunning(record.state) && record.state.finishedNs !== null && codes.includes(record.state.exitCode)),
    // No container of this engine belongs to a swarm task.
    () => task !== true,
  ];
};

const order = (context: ContainerContext, filters: Filters): Accepts[] => {
  const createdOf = (key: string): bigint[] =>
    filters.get(key).map((reference) => BigInt(context.containers.find(reference).createdNs));
  const before = createdOf("before");
  const since = createdOf("since");
  return [
    (record) => before.length === 0 || before.some((limit) => BigInt(record.createdNs) < limit),
    (record) => since.length === 0 || since.some((limit) => BigInt(record.createdNs) > limit),
  ];
};

const ancestors = (context: ContainerContext, filters: Filters): Accepts[] => {
  if (!filters.has("ancestor")) return [];
  const ids = new Set<string>();
  const names = new Set<string>();
  for (const reference of filters.get("ancestor")) {
    names.add(reference);
    try {
      for (const id of context.images.idsOf(reference)) ids.add(id);
    } catch (error) {
      if (!isKind(error, "invalid-parameter")) throw error;
    }
  }
  return [(record) => ids.has(record.imageId) || names.has(record.config.Image ?? "")];
};

/** `80`, `80/udp`, `8000-8010/tcp` */
const portRange = (key: "publish" | "expose", text: string): { first: number; last: number; protocol: string } => {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > last || last > 65_535)
    throw systemError(
      `error while looking up for ${key} ${text}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return { first, last, protocol: match[3] ?? "tcp" };
};

const ports = (context: ContainerContext, filters: Filters): Accepts[] => {
  const publish = filters.get("publish").map((text) => portRange("publish", text));
  const expose = filters.get("expose").map((text) => portRange("expose", text));
  const within = (list: typeof publish, port: number | undefined, type: string | undefined): boolean =>
    port !== undefined && list.some(({ first, last, protocol }) => port >= first && port <= last && type === protocol);
  return [
    (record) =>
      publish.length === 0 || portsOf(context, record).some((port) => within(publish, port.PublicPort, port.Type)),
    (record) =>
      expose.length === 0 || portsOf(context, record).some((port) => within(expose, port.PrivatePort, port.Type)),
  ];
};

const attachments = (context: ContainerContext, filters: Filters): Accepts[] => [
  (record) =>
    filters.any("volume", (value) =>
      record.mounts.some((mount) => mount.Name === value || mount.Source === value || mount.Destination === value),
    ),
  (record) => {
    if (!filters.has("network")) return true;
    const endpoints = endpointsOf(context, record);
    return filters.any("network", (value) =>
      Object.entries(endpoints).some(([name, endpoint]) => name === value || endpoint.NetworkID?.startsWith(value)),
    );
  },
];
