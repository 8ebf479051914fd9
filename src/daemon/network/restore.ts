import { listLinks, removeLink } from "../../linux/netlink/link.ts";
import type { NetworkContext } from "./context.ts";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { plugIn } from "./driver/establish.ts";
import { droppedForwards } from "./driver/forwarding.ts";
import { firewallNetwork } from "./driver/options.ts";
import { usesDns } from "./file/container-files.ts";
import type { SandboxRecord } from "./record.ts";
import { addressesOf, release } from "./release.ts";
import { SandboxNamespace, unpin } from "./sandbox/namespace.ts";
import { firewallPorts } from "./sandbox/port-rules.ts";

/**
 * Takes up what an earlier daemon left: bridges, books of addresses and ports, and exactly the rules that belong to what
 * is recorded. Ports of containers that run on are in force before and after, without a gap.
 */
export const takeUp = async (context: NetworkContext): Promise<void> => {
  const networks = [...context.networks.values()].filter(({ driver }) => driver === "bridge");
  const sandboxes = [...context.sandboxes.values()];
  await context.firewall.sync({
    networks: networks.map(firewallNetwork),
    ports: sandboxes.flatMap((sandbox) => firewallPorts(context, sandbox)),
    links: sandboxes.flatMap(({ links }) => links),
    droppedForwards: droppedForwards(context),
  });
  for (const network of networks) plugIn(context, network);
  for (const { endpoints, ports } of sandboxes) {
    context.ports.adopt(ports);
    for (const endpoint of endpoints) {
      for (const address of addressesOf(endpoint)) context.addresses.get(endpoint.networkId)?.adopt(address);
    }
  }
};

/**
 * Adopts the sandboxes of the containers that run, and collects the rest: sandboxes of dead ones, and links, bridges and
 * pins with our mark that no record knows.
 * @param live ids of the containers that run
 */
export const restore = async (context: NetworkContext, live: ReadonlySet<string>): Promise<void> => {
  const sandboxes = [...context.sandboxes.values()];
  await Promise.all(
    sandboxes.map((sandbox) =>
      live.has(sandbox.containerId) ? adopt(context, sandbox) : release(context, sandbox.containerId),
    ),
  );
  collectPins(context);
  await collectLinks(context);
};

const adopt = async (context: NetworkContext, sandbox: SandboxRecord): Promise<void> => {
  if (!usesDns(sandbox)) return;
  using namespace = SandboxNamespace.open(sandbox.path);
  await context.dns.serve(sandbox, namespace);
};

const collectPins = (context: NetworkContext): void => {
  const directory = join(context.execRoot, "netns");
  const known = new Set(
    [...context.sandboxes.values()].flatMap(({ path, ownerUserNamespace: owner }) => [
      path,
      ...(owner === null ? [] : [owner]),
    ]),
  );
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (!known.has(path)) unpin(path);
  }
};

const collectLinks = async (context: NetworkContext): Promise<void> => {
  const endpoints = [...context.sandboxes.values()].flatMap((sandbox) => sandbox.endpoints);
  const known = new Set(endpoints.map(({ hostInterface }) => hostInterface));
  const bridges = new Set(context.bridges.values());
  const orphans = listLinks(context.route).filter(
    ({ index, name, alias }) =>
      (alias === context.mark && !bridges.has(index)) || (alias.startsWith(`${context.mark}:`) && !known.has(name)),
  );
  if (orphans.length > 0) await context.sweeper.remove(() => orphans.map(({ index }) => removeLink({ index })));
};
