import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Exchange } from "../http/exchange.ts";

/** What has happened, as handlers tell it. */
export interface Happening {
  action: "push" | "pull" | "mount" | "delete";
  repository: string;
  digest?: string;
  tag?: string;
  mediaType?: string;
  sizeBytes?: number;
  /** Where a mounted blob came from. */
  from?: string;
}

/** One event of Docker's envelope. **Source:** distribution/distribution, notifications/event.go. */
export interface NotificationEvent {
  id: string;
  timestamp: string;
  action: string;
  target: {
    mediaType: string;
    size?: number;
    length?: number;
    digest?: string;
    repository: string;
    fromRepository?: string;
    url?: string;
    tag?: string;
  };
  request: { id: string; addr: string; host: string; method: string; useragent: string };
  actor: { name?: string };
  source: { addr: string; instanceID: string };
}

const urlOf = (exchange: Exchange, { repository, digest, mediaType }: Happening): string | undefined => {
  if (digest === undefined) return undefined;
  return exchange.location(`/v2/${repository}/${mediaType === undefined ? "blobs" : "manifests"}/${digest}`);
};

export const eventOf = (exchange: Exchange, happening: Happening, instanceId: string): NotificationEvent => {
  const { request, actor } = exchange;
  const { action, repository, digest, tag, sizeBytes, from } = happening;
  const { remoteAddress, remotePort, localPort } = request.socket;
  const url = urlOf(exchange, happening);
  return {
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action,
    target: {
      mediaType: happening.mediaType ?? "application/octet-stream",
      repository,
      ...(sizeBytes === undefined ? {} : { size: sizeBytes, length: sizeBytes }),
      ...(digest === undefined ? {} : { digest }),
      ...(from === undefined ? {} : { fromRepository: from }),
      ...(url === undefined ? {} : { url }),
      ...(tag === undefined ? {} : { tag }),
    },
    request: {
      id: randomUUID(),
      addr: `${remoteAddress ?? ""}:${remotePort ?? 0}`,
      host: request.headers.host ?? "",
      method: request.method ?? "",
      useragent: request.headers["user-agent"] ?? "",
    },
    actor: actor.name === "" ? {} : { name: actor.name },
    source: { addr: `${hostname()}:${localPort ?? 0}`, instanceID: instanceId },
  };
};
