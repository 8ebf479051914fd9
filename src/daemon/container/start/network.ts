import { closeSync, readFileSync } from "node:fs";
import { conflict, prefixed, systemError } from "../../../base/errors.ts";
import type { NetworkRequest } from "../../network/request.ts";
import type { NewSandbox } from "../../network/sandbox/sandbox.ts";
import type { Relay } from "../../network/port/allocator.ts";
import { openNamespace } from "../../../linux/namespace/network.ts";
import type { Remap } from "../../storage/remap/remap.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { joinedUserNamespace } from "../remap.ts";
import { linksOf } from "./links.ts";

/** The network a container was given for this run. */
export interface ConnectedNetwork {
  /** Where the runtime finds it: a namespace's path, or the host's. */
  namespace: { path: string } | "host";
  /** The path of the user namespace that it belongs to; undefined: the host's. */
  userNamespace?: string | undefined;
  /** Contents of the files at /etc; undefined where another container's are used. */
  hosts: string | undefined;
  resolvConf: string | undefined;
  /** Another container whose files, hostname and domain are shared. */
  filesOf: string | undefined;
  holdFds: readonly number[];
  relays: readonly Relay[];
  /** `--link`'s variables. */
  env: string[];
  /** Closes this process's copies of the descriptors; the shim has its own. */
  closeFds(): void;
}

const nothing = { hosts: undefined, resolvConf: undefined, filesOf: undefined, holdFds: [], relays: [], env: [] };

/**
 * Connects a container as its network mode says: its own namespace on its networks, the host's, or another container's.
 * @throws EngineError in Docker's words
 */
export const connectNetwork = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  remap: Remap | undefined,
): Promise<ConnectedNetwork> => {
  const mode = record.hostConfig.NetworkMode ?? "bridge";
  if (mode.startsWith("container:")) return joinContainer(context, record, mode.slice("container:".length), remap);
  if (mode === "host") return { ...nothing, ...hostFiles(record), namespace: "host", closeFds: () => {} };
  // Once, and before anything is made: the others may end meanwhile.
  const { links, env } = linksOf(context, record);
  const request = networkRequest(record, links);
  const sandbox = await (remap === undefined
    ? context.networks.attach(record.id, request)
    : attachMapped(context, record, request, remap));
  return {
    namespace: { path: sandbox.key },
    userNamespace: sandbox.userNamespace ?? undefined,
    hosts: sandbox.hosts,
    resolvConf: sandbox.resolvConf,
    filesOf: undefined,
    holdFds: sandbox.holdFds,
    relays: sandbox.relays,
    env,
    closeFds: () => sandbox.closeFds(),
  };
};

/** The namespace belongs to the container's user namespace for ever, so that one is made first. */
const attachMapped = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  request: NetworkRequest,
  remap: Remap,
): Promise<NewSandbox> => {
  const path = joinedUserNamespace(context, record, remap);
  const join = path === undefined ? undefined : openNamespace(path);
  try {
    using made = await context.remaps.createNamespaces(remap, join);
    const { user, network } = made;
    if (network === null) throw systemError("a user namespace without a network namespace");
    return await context.networks.attach(record.id, { ...request, namespaces: { user, network } });
  } finally {
    if (join !== undefined) closeSync(join);
  }
};

const joinContainer = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  reference: string,
  remap: Remap | undefined,
): ConnectedNetwork => {
  const other = sharedContainer(context, reference);
  if (other.state.status === "restarting") {
    throw conflict(`Container ${other.id} is restarting, wait until the container is running`);
  }
  if (other.state.status !== "running") {
    throw conflict(`cannot join network of a non running container: ${other.id}`);
  }
  return {
    ...nothing,
    namespace: { path: `/proc/${other.state.pid}/ns/net` },
    userNamespace: remap === undefined ? undefined : joinedUserNamespace(context, record, remap),
    filesOf: other.id,
    closeFds: () => {},
  };
};

const sharedContainer = (context: ContainerContext, reference: string): Readonly<ContainerRecord> => {
  try {
    return context.containers.find(reference);
  } catch (error) {
    throw prefixed("joining network namespace of container", error);
  }
};

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** On the host's network the host's own files serve, with what the container adds. */
const hostFiles = ({ hostConfig }: Readonly<ContainerRecord>): { hosts: string; resolvConf: string } => {
  const extra = (hostConfig.ExtraHosts ?? []).map((entry) => {
    const at = entry.search(/[:=]/);
    const address = entry.slice(at + 1);
    return `${address === "host-gateway" ? "127.0.0.1" : address}\t${entry.slice(0, at)}\n`;
  });
  const own = [
    ...(hostConfig.Dns ?? []).map((server) => `nameserver ${server}`),
    ...((hostConfig.DnsSearch ?? []).length > 0 ? [`search ${hostConfig.DnsSearch?.join(" ")}`] : []),
    ...((hostConfig.DnsOptions ?? []).length > 0 ? [`options ${hostConfig.DnsOptions?.join(" ")}`] : []),
  ];
  return {
    hosts: readOrEmpty("/etc/hosts") + extra.join(""),
    resolvConf: own.length > 0 ? `${own.join("\n")}\n` : readOrEmpty("/etc/resolv.conf"),
  };
};

/** What the network room is asked for. */
export const networkRequest = (record: Readonly<ContainerRecord>, links: NetworkRequest["links"]): NetworkRequest => {
  const { config, hostConfig } = record;
  return {
    containerName: record.name,
    hostname: config.Hostname ?? "",
    domainname: config.Domainname ?? "",
    // `none` is a namespace with nothing but a loopback.
    endpoints: hostConfig.NetworkMode === "none" || config.NetworkDisabled ? {} : record.networks,
    // What is not exposed is not published either, as dockerd has it; the CLI always says both.
    portBindings: Object.fromEntries(
      Object.entries(hostConfig.PortBindings ?? {}).filter(([port]) => config.ExposedPorts?.[port] !== undefined),
    ),
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts ?? false,
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
    extraHosts: hostConfig.ExtraHosts ?? [],
    links,
  };
};
