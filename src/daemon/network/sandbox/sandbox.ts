import type { EndpointSettings, PortMap } from "../../../wire/engine/network.ts";
import type { NetworkContext } from "../context.ts";
import { hostsOf, resolvConfOf } from "../file/container-files.ts";
import { type Relay, type Reservation, closeReservation } from "../port/allocator.ts";
import type { SandboxRecord } from "../record.ts";
import { endpointSettings, portMap } from "./view.ts";

/** A container's network as the container's room needs it. */
export interface Sandbox {
  id: string;
  /** Path of the pinned namespace: `namespaces[].path` of the runtime's configuration. */
  key: string;
  /** Path of the pinned user namespace that it belongs to; null: the host's. */
  userNamespace: string | null;
  /** By network name: what inspect shows. */
  networks: Record<string, EndpointSettings>;
  /** Published ports: NetworkSettings.Ports, without what is only exposed. */
  ports: PortMap;
  /** Contents for the container's /etc/hosts and /etc/resolv.conf. */
  hosts: string;
  resolvConf: string;
}

/** A sandbox just made, with the sockets that its shim must inherit. */
export interface NewSandbox extends Sandbox {
  /** Bound sockets that keep the published ports: the shim holds them open and does nothing with them. */
  holdFds: readonly number[];
  /** Sockets the shim serves: tcp ones listen, udp ones are bound. */
  relays: readonly Relay[];
  /** Closes this process's copies: call it once the shim runs, or when nothing came of it. */
  closeFds(): void;
}

/** What is stored of a sandbox, for others to read. The files' contents are made only when they are asked for. */
export const sandboxView = (context: NetworkContext, record: SandboxRecord): Sandbox => ({
  id: record.id,
  key: record.path,
  userNamespace: record.ownerUserNamespace,
  networks: Object.fromEntries(record.endpoints.map((endpoint) => [endpoint.networkName, endpointSettings(endpoint)])),
  ports: portMap(record.ports, []),
  get hosts() {
    return hostsOf(context, record);
  },
  get resolvConf() {
    return resolvConfOf(record);
  },
});

export const newSandbox = (context: NetworkContext, record: SandboxRecord, reservation: Reservation): NewSandbox => ({
  ...sandboxView(context, record),
  holdFds: reservation.holdFds,
  relays: reservation.relays,
  closeFds: () => closeReservation(reservation),
});
