import { maxApiVersion } from "./version.ts";

/** What the API says of the daemon on every answer. */
export interface Identity {
  /** The version `/version` reports; clients read it out of `Server`. */
  version: string;
  experimental: boolean;
}

/**
 * The headers of every answer, as the flat list that `writeHead` takes. `Server` has Docker's form because clients
 * take the operating system out of it with the pattern `Docker/… (…)`.
 */
export const commonHeaders = (identity: Identity): string[] => [
  "Api-Version",
  maxApiVersion,
  "Docker-Experimental",
  String(identity.experimental),
  "Ostype",
  "linux",
  "Server",
  `Docker/${identity.version} (linux)`,
];

export const jsonType = "application/json";
export const tarType = "application/x-tar";
export const rawStreamType = "application/vnd.docker.raw-stream";
export const multiplexedStreamType = "application/vnd.docker.multiplexed-stream";
