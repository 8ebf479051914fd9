import { isAbsolute } from "node:path";

/** Where an engine listens. */
export type Address = { socketPath: string } | { host: string; port: number };

const defaultPort = 2375;

/**
 * Reads a `DOCKER_HOST`: `unix:///path`, `/path`, `tcp://host:port`, `http://host:port`, `host:port`.
 * @throws Error for a scheme this client does not speak
 */
export const parseAddress = (text: string): Address => {
  if (isAbsolute(text)) return { socketPath: text };
  if (text.startsWith("unix://")) return { socketPath: text.slice("unix://".length) };
  const match = /^(?:(tcp|http):\/\/)?(\[[0-9a-fA-F:]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(text);
  if (!match) throw new Error(`unable to parse docker host \`${text}\``);
  return { host: (match[2] ?? "").replace(/^\[|\]$/g, ""), port: Number(match[3] ?? defaultPort) };
};
