import { parentPort } from "node:worker_threads";
import { Forwarder } from "./forward.ts";
import { DnsServer, type DnsSockets } from "./server.ts";
import { type DnsSandbox, Zone } from "./zone.ts";

/** What the daemon tells the worker. */
export type DnsCommand =
  | { kind: "serve"; sandbox: DnsSandbox; sockets: DnsSockets }
  | { kind: "put"; sandbox: DnsSandbox }
  | { kind: "stop"; containerId: string };

/** The worker's side: servers and names, kept as it is told. */
const zone = new Zone();
const forwarder = new Forwarder();
const servers = new Map<string, DnsServer>();

const stop = (containerId: string): void => {
  servers.get(containerId)?.[Symbol.dispose]();
  servers.delete(containerId);
};

parentPort?.on("message", (command: DnsCommand) => {
  if (command.kind === "stop") {
    zone.delete(command.containerId);
    stop(command.containerId);
    return;
  }
  zone.put(command.sandbox);
  if (command.kind === "put") return;
  const { containerId } = command.sandbox;
  stop(containerId);
  servers.set(containerId, new DnsServer(containerId, command.sockets, zone, forwarder));
});
