import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { forbidden, invalidParameter, isKind, notFound, systemError } from "../../base/errors.ts";
import type { NetworkConnectRequest, NetworkDisconnectRequest } from "../../wire/engine/network.ts";
import type { Sandbox } from "../network/sandbox/sandbox.ts";
import type { ContainerContext } from "./context.ts";
import { dataFolder } from "./folders.ts";
import { joinedNetworks } from "./networks.ts";
import type { ContainerRecord } from "./record.ts";
import { isRunning } from "./state.ts";

/**
 * Connects a container to a further network: at once when it runs, else at its next start.
 * @throws EngineError not-found, forbidden, conflict
 */
export const connectContainer = (
  context: ContainerContext,
  network: string,
  { Container: reference = "", EndpointConfig }: NetworkConnectRequest,
): Promise<void> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    const target = context.networks.find(network);
    const settings = EndpointConfig ?? {};
    context.networks.validate(network, settings);
    checkMode(record, target.name);
    if (record.networks[target.name] && isRunning(record.state)) {
      throw forbidden(`endpoint with name ${record.name} already exists in network ${target.name}`);
    }
    if (isRunning(record.state)) {
      rewriteFiles(context, record, await context.networks.connect(id, network, settings));
    }
    context.containers.update(id, ({ networks, joined }) => ({
      networks: { ...networks, [target.name]: settings },
      joined: { ...joined, ...joinedNetworks(context, id) },
    }));
  });
};

/** @throws EngineError not-found, forbidden, conflict */
export const disconnectContainer = (
  context: ContainerContext,
  network: string,
  { Container: reference = "", Force }: NetworkDisconnectRequest,
): Promise<void> => {
  const id = disconnectable(context, network, reference, Force ?? false);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    const target = context.networks.find(network);
    if ((record.hostConfig.NetworkMode ?? "") === "host" && isRunning(record.state)) {
      throw invalidParameter(
        "cannot disconnect container from host network - container was created in host network mode",
      );
    }
    if (!record.networks[target.name]) {
      if (Force) return;
      throw systemError(`container ${id} is not connected to network ${target.name}`);
    }
    if (isRunning(record.state)) {
      rewriteFiles(context, record, await context.networks.disconnect(id, network));
    }
    context.containers.update(id, ({ networks }) => {
      const { [target.name]: _gone, ...others } = networks;
      return { networks: others };
    });
  });
};

/** With `force` dockerd looks for an endpoint of that name, not for a container. */
const disconnectable = (context: ContainerContext, network: string, reference: string, force: boolean): string => {
  try {
    return context.containers.find(reference).id;
  } catch (error) {
    if (!force || !isKind(error, "not-found")) throw error;
    context.networks.find(network);
    throw notFound(`endpoint ${reference} not found`, error);
  }
};

const checkMode = (record: Readonly<ContainerRecord>, network: string): void => {
  const mode = record.hostConfig.NetworkMode ?? "";
  if (mode.startsWith("container:") || (mode === "host" && network !== "host")) {
    throw invalidParameter(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (network === "host") {
    throw invalidParameter("cannot connect container to host network - container must be created in host network mode");
  }
  if ((mode === "none" || network === "none") && mode !== network) {
    throw invalidParameter(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
};

/** The files keep their inodes: they are bound into the running container. */
const rewriteFiles = (context: ContainerContext, record: Readonly<ContainerRecord>, sandbox: Sandbox): void => {
  const folder = dataFolder(context.settings, record.id);
  writeFileSync(join(folder, "hosts"), sandbox.hosts);
  writeFileSync(join(folder, "resolv.conf"), sandbox.resolvConf);
};
