import { parsePlatform, type Platform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import { invalidParameter } from "../../base/errors.ts";
import type { ContainerService } from "../container/service.ts";
import type { LogRequest } from "../log/reader.ts";
import type { ImageService } from "../image/service.ts";
import type { NetworkService } from "../network/service.ts";
import type { LogOptions, Services } from "../services.ts";
import type { VolumeService } from "../volume/service.ts";

// What the API calls, said in the words of the rooms. No behaviour: a line that decides something belongs in a room.

const platformOf = (text: string | undefined): { platform?: Platform } =>
  text === undefined || text === "" ? {} : { platform: parsePlatform(text) };

const onlyPlatform = (texts: readonly string[]): { platform?: Platform } => {
  if (texts.length > 1) throw invalidParameter("multiple platform parameters not supported");
  return platformOf(texts[0]);
};

/** Nanoseconds as the log room takes times: seconds and nine digits behind a point. */
const seconds = (ns: bigint | undefined): string | undefined =>
  ns === undefined ? undefined : `${ns / 1_000_000_000n}.${(ns % 1_000_000_000n).toString().padStart(9, "0")}`;

const logRequest = ({ tail, sinceNs, untilNs, ...rest }: LogOptions): LogRequest => {
  const since = seconds(sinceNs);
  const until = seconds(untilNs);
  return {
    ...rest,
    tail: tail === undefined ? "all" : String(tail),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
};

export const containerServices = (containers: ContainerService): Services["containers"] => ({
  create: (name, platform, body) => containers.create(name, platform, body),
  inspect: (reference, options) => containers.inspect(reference, options),
  list: (options) => containers.list(options),
  start: (reference) => containers.start(reference),
  stop: (reference, options) => containers.stop(reference, options),
  restart: (reference, options) => containers.restart(reference, options),
  kill: (reference, signal) => containers.kill(reference, signal),
  pause: (reference) => containers.pause(reference),
  unpause: (reference) => containers.unpause(reference),
  rename: (reference, name) => containers.rename(reference, name),
  remove: (reference, options) => containers.remove(reference, options),
  wait: (reference, condition) => containers.wait(reference, condition),
  update: (reference, body) => containers.update(reference, body),
  resize: (reference, rows, columns) => containers.resize(reference, rows, columns),
  attach: (reference, options) => containers.attach(reference, options),
  logs: (reference, options) => containers.logs(reference, logRequest(options)),
  top: (reference, psArgs) => containers.top(reference, psArgs),
  stats: (reference, options) => containers.stats(reference, options),
  changes: (reference) => containers.changes(reference),
  export: (reference) => containers.export(reference),
  statPath: (reference, path) => containers.statPath(reference, path),
  getArchive: (reference, path) => containers.getArchive(reference, path),
  putArchive: (reference, path, body, options) => containers.putArchive(reference, path, body, options),
  prune: (filters) => containers.prune(filters),
  commit: (options) => containers.commit(options),
  execCreate: (reference, config) => containers.execCreate(reference, config),
  execStart: (id, options) => containers.execStart(id, options),
  execResize: (id, rows, columns) => containers.execResize(id, rows, columns),
  execInspect: (id) => containers.execInspect(id),
});

export const imageServices = (images: ImageService): Services["images"] => ({
  list: ({ all, filters, sharedSize }) => images.list({ all, filters, sharedSize }),
  inspect: (name, { platform }) => images.inspect(name, platformOf(platform)),
  history: (name, platform) => images.history(name, platformOf(platform)),
  pull: (name, { auth, platform, all, signal }, tell) =>
    images.pull(name, { auth, all, signal, ...platformOf(platform) }, tell),
  push: (name, { tag, auth, platform, signal }, tell) =>
    images.push(tag === "" ? name : `${name}:${tag}`, { auth, signal, ...platformOf(platform) }, tell),
  import: async (source, { reference, message, changes, platform, signal }, tell) => {
    const named = reference === "" ? undefined : parseReference(reference);
    await images.import(
      source,
      { repo: named?.name ?? "", tag: named?.tag ?? "", message, changes, signal, ...platformOf(platform) },
      tell,
    );
  },
  load: (tar, { quiet, platforms, signal }, tell) =>
    images.load(tar, { quiet, signal, ...onlyPlatform(platforms) }, tell),
  save: (names, { platforms }) => images.save(names, onlyPlatform(platforms)),
  tag: (source, repo, tag) => images.tag(source, repo, tag),
  remove: (name, { force, noprune, platforms }) =>
    images.remove(name, { force, prune: !noprune, platforms: platforms.map((text) => parsePlatform(text)) }),
  prune: (filters) => images.prune(filters),
});

export const networkServices = (networks: NetworkService, containers: ContainerService): Services["networks"] => ({
  list: (filters) => networks.list(filters),
  inspect: (reference) => networks.inspect(reference),
  create: (body) => networks.create(body),
  remove: (reference) => networks.remove(reference),
  connect: (reference, body) => containers.connect(reference, body),
  disconnect: (reference, body) => containers.disconnect(reference, body),
  prune: (filters) => networks.prune(filters),
});

export const volumeServices = (volumes: VolumeService): Services["volumes"] => ({
  list: (filters) => volumes.list(filters),
  create: (body) => volumes.create(body),
  inspect: (name) => volumes.get(name),
  remove: (name, force) => volumes.remove(name, { force }),
  prune: (filters) => volumes.prune(filters),
});
