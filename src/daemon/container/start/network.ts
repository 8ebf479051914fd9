import { closeSync } from "node:fs";
import { conflict } from "../../../base/errors.ts";
import type { NetworkRequest } from "../../network/request.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { linksOf } from "./links.ts";

/** The network a container was given for this run. */
export interface ConnectedNetwork {
  /** Where the runtime finds it: a namespace's path, or the host's. */
  namespace: { path: string } | "host";
  /** Contents of the files at /etc; undefined where another container's or the host's own are used. */
  hosts: string | undefined;
  resolvConf: string | undefined;
  /** Another container whose files are shared. */
  filesOf: string | undefined;
  holdFds: number[];
  relays: { fd: number; proto: "tcp" | "udp"; address: string; port: number }[];
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
): Promise<ConnectedNetwork> => {
  const mode = record.hostConfig.NetworkMode ?? "default";
  if (mode.startsWith("container:")) return joinContainer(context, mode.slice("container:".length));
  if (mode === "host") {
    const files = await context.networks.hostFiles(networkRequest(context, record));
    return { ...nothing, ...files, namespace: "host", closeFds: () => {} };
  }
  const sandbox = await context.networks.attach(record.id, networkRequest(context, record));
  return {
    namespace: { path: sandbox.path },
    hosts: sandbox.files.hosts,
    resolvConf: sandbox.files.resolvConf,
    filesOf: undefined,
    holdFds: sandbox.holdFds,
    relays: sandbox.relays,
    env: linksOf(context, record).env,
    closeFds: () => {
      for (const fd of [...sandbox.holdFds, ...sandbox.relays.map((relay) => relay.fd)]) closeSync(fd);
    },
  };
};

const joinContainer = (context: ContainerContext, reference: string): ConnectedNetwork => {
  const other = context.containers.find(reference);
  if (other.state.status === "restarting") {
    throw conflict(`Container ${other.id} is restarting, wait until the container is running`);
  }
  if (other.state.status !== "running") {
    throw conflict(`cannot join network of a non running container: ${other.id}`);
  }
  return {
    ...nothing,
    namespace: { path: `/proc/${other.state.pid}/ns/net` },
    filesOf: other.id,
    closeFds: () => {},
  };
};

/** What the network room is asked for. */
export const networkRequest = (context: ContainerContext, record: Readonly<ContainerRecord>): NetworkRequest => {
  const { config, hostConfig } = record;
  return {
    containerName: record.name,
    hostname: config.Hostname ?? "",
    domainname: config.Domainname ?? "",
    endpoints: record.networks,
    portBindings: hostConfig.PortBindings ?? {},
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts ?? false,
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
    extraHosts: hostConfig.ExtraHosts ?? [],
    links: linksOf(context, record).links,
  };
};
