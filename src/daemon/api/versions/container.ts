import { invalidParameter } from "../../../base/errors.ts";
import { shortId } from "../../../base/ids.ts";
import type {
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerSummary,
  Mount,
} from "../../../wire/engine/container.ts";
import type { ContainerCreateBody } from "../../services.ts";
import type { VersionStep } from "../version-step.ts";

const mountsOf = (body: ContainerCreateBody): Mount[] => body.HostConfig?.Mounts ?? [];
const endpointsOf = (body: ContainerCreateBody) => Object.values(body.NetworkingConfig?.EndpointsConfig ?? {});

/** What older clients of `docker create` say otherwise. **Source:** Engine API version history, and dockerd 28.5. */
const createSteps: VersionStep[] = [
  {
    version: 40,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      body.HostConfig ??= {};
      delete body.HostConfig.KernelMemoryTCP;
      body.HostConfig.IpcMode ||= "shareable";
      for (const mount of mountsOf(body)) delete mount.BindOptions?.NonRecursive;
    },
  },
  {
    version: 41,
    routes: ["POST /containers/create"],
    query: (query) => query.values.delete("platform"),
    body: (body: ContainerCreateBody) => {
      body.HostConfig ??= {};
      body.HostConfig.CgroupnsMode ||= "host";
    },
  },
  {
    version: 42,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      delete body.HostConfig?.ConsoleSize;
      for (const mount of mountsOf(body)) {
        delete mount.BindOptions?.CreateMountpoint;
        // Options of another type were let pass.
        if (mount.Type !== "bind") delete mount.BindOptions;
        if (mount.Type !== "volume") delete mount.VolumeOptions;
        if (mount.Type !== "tmpfs") delete mount.TmpfsOptions;
      }
    },
  },
  {
    version: 43,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => void delete body.HostConfig?.Annotations,
  },
  {
    version: 44,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      delete body.Healthcheck?.StartInterval;
      for (const mount of mountsOf(body)) {
        if (mount.Type !== "bind") continue;
        if (mount.BindOptions?.ReadOnlyForceRecursive) {
          throw invalidParameter("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
        }
        // Read-only meant the mount itself, not what is mounted below it.
        if (mount.ReadOnly) mount.BindOptions = { ...mount.BindOptions, ReadOnlyNonRecursive: true };
      }
      const names = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {});
      if (names.length > 1) {
        throw invalidParameter(`Container cannot be created with multiple network endpoints: ${names.join(", ")}`);
      }
    },
  },
  {
    version: 44,
    routes: ["POST /containers/create"],
    response: (body) => {
      const { Warnings, ...created } = body as ContainerCreateResponse;
      return {
        ...created,
        Warnings: Warnings?.filter((text) => !text.includes("MacAddress field is now deprecated")) ?? [],
      };
    },
  },
  {
    version: 45,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      if (mountsOf(body).some((mount) => mount.VolumeOptions?.Subpath)) {
        throw invalidParameter("VolumeOptions.Subpath needs API v1.45 or newer");
      }
    },
  },
  {
    version: 46,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      if (mountsOf(body).some((mount) => mount.TmpfsOptions?.Options?.length)) {
        throw invalidParameter("TmpfsOptions.Options needs API v1.46 or newer");
      }
    },
  },
  {
    version: 48,
    routes: ["POST /containers/create"],
    body: (body: ContainerCreateBody) => {
      if (mountsOf(body).some((mount) => mount.Type === "image")) {
        throw invalidParameter('Mount type "Image" needs API v1.48 or newer');
      }
      for (const endpoint of endpointsOf(body)) delete endpoint?.GwPriority;
    },
  },
];

const laterSteps: VersionStep[] = [
  {
    version: 42,
    routes: ["POST /containers/{id}/stop", "POST /containers/{id}/restart"],
    query: (query) => query.values.delete("signal"),
  },
  {
    version: 42,
    routes: ["POST /containers/{id}/exec", "POST /exec/{id}/start"],
    body: (body: { ConsoleSize?: unknown }) => void delete body.ConsoleSize,
  },
  { version: 41, routes: ["GET /containers/{id}/stats"], query: (query) => query.values.delete("one-shot") },
  {
    version: 30,
    routes: ["POST /containers/{id}/wait"],
    query: (query) => query.values.delete("condition"),
  },
  {
    version: 45,
    routes: ["GET /containers/{id}/json"],
    response: (body) => withShortIdAlias(body as ContainerInspectResponse),
  },
  {
    version: 46,
    routes: ["GET /containers/json"],
    response: (body) =>
      (body as ContainerSummary[]).map(({ HostConfig, ...summary }) => ({
        ...summary,
        HostConfig: { NetworkMode: HostConfig?.NetworkMode },
      })),
  },
  {
    version: 48,
    routes: ["GET /containers/json"],
    response: (body) =>
      (body as ContainerSummary[]).map(({ ImageManifestDescriptor: _descriptor, ...summary }) => summary),
  },
  {
    version: 48,
    routes: ["GET /containers/{id}/json"],
    response: (body) => {
      const { ImageManifestDescriptor: _descriptor, ...inspect } = body as ContainerInspectResponse;
      return inspect;
    },
  },
];

/** On networks with names of their own, short id and hostname were aliases before they became `DNSNames`. */
const withShortIdAlias = (inspect: ContainerInspectResponse): ContainerInspectResponse => {
  const networks = inspect.NetworkSettings?.Networks;
  if (networks === undefined || networks === null) return inspect;
  const own = Object.entries(networks).map(([name, settings]) => {
    const predefined = ["bridge", "host", "none"].includes(name) || name.startsWith("container:");
    if (settings === null || predefined) return [name, settings];
    const aliases = new Set([...(settings.Aliases ?? []), shortId(inspect.Id ?? ""), inspect.Config?.Hostname ?? ""]);
    return [name, { ...settings, Aliases: [...aliases].filter((alias) => alias !== "") }];
  });
  return { ...inspect, NetworkSettings: { ...inspect.NetworkSettings, Networks: Object.fromEntries(own) } };
};

export const containerSteps: readonly VersionStep[] = [...createSteps, ...laterSteps];
