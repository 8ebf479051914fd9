import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { conflict, forbidden, systemError } from "../../base/errors.ts";
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
    checkMode(record, target.name);
    const settings = EndpointConfig ?? {};
    if (record.networks[target.name] && isRunning(record.state)) {
      throw forbidden(`endpoint with name ${record.name} already exists in network ${target.name}`);
    }
    context.networks.validate(network, settings);
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
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    const target = context.networks.find(network);
    if ((record.hostConfig.NetworkMode ?? "") === "host" && isRunning(record.state)) {
      throw conflict("container cannot be disconnected from host network or connected to host network");
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

const checkMode = (record: Readonly<ContainerRecord>, network: string): void => {
  const mode = record.hostConfig.NetworkMode ?? "";
  if (mode.startsWith("container:")) {
    throw conflict(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (mode === "host" || network === "host") {
    throw forbidden("container cannot be disconnected from host network or connected to host network");
  }
  if ((mode === "none" || network === "none") && mode !== network) {
    throw forbidden(
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
