import { posix } from "node:path";
import type { Call } from "./call.ts";

/** One operation of the Engine API. */
export interface Route {
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS";
  /** `/containers/{name}/json`. A `{name}` takes any characters, `/` too, since image names have them. */
  path: string;
  /** Parses the call, asks one service, writes the answer. What it throws is written as Docker's error. */
  handle: (call: Call) => Promise<void> | void;
  /** The connection may be taken over: `Upgrade: tcp`, `h2c` or `websocket` is heeded. */
  hijack?: boolean;
}

/** A route found, with what its `{…}` stood for, and the version of the path if it had one. */
export interface Match {
  route: Route;
  params: Readonly<Record<string, string>>;
}

interface Compiled {
  route: Route;
  pattern: RegExp;
  names: string[];
  literal: boolean;
}

const compile = (route: Route): Compiled => {
  const names: string[] = [];
  const source = route.path
    .split("/")
    .map((segment) => {
      const name = /^\{(\w+)\}$/.exec(segment)?.[1];
      if (name === undefined) return segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      names.push(name);
      return "(.*)";
    })
    .join("/");
  return { route, pattern: new RegExp(`^${source}$`, "s"), names, literal: names.length === 0 };
};

/**
 * Finds routes by method and decoded path. Within a first path segment, routes without names win over those with, and
 * of these the one with more fixed segments (`/containers/{name}/json` before `/containers/{name}`).
 */
export class Router {
  readonly #buckets = new Map<string, Compiled[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const key = bucketOf(route.method, route.path);
      const bucket = this.#buckets.get(key) ?? [];
      bucket.push(compile(route));
      this.#buckets.set(key, bucket);
    }
    for (const bucket of this.#buckets.values()) bucket.sort(bySpecificity);
  }

  find(method: string, path: string): Match | undefined {
    const bucket = this.#buckets.get(bucketOf(method, path));
    if (bucket === undefined) return undefined;
    for (const { route, pattern, names, literal } of bucket) {
      if (literal) {
        if (route.path === path) return { route, params: {} };
        continue;
      }
      const found = pattern.exec(path);
      if (found !== null) {
        return { route, params: Object.fromEntries(names.map((name, i) => [name, found[i + 1] ?? ""])) };
      }
    }
    return undefined;
  }
}

const bucketOf = (method: string, path: string): string => {
  const end = path.indexOf("/", 1);
  return `${method} ${end < 0 ? path : path.slice(0, end)}`;
};

const fixedSegments = (compiled: Compiled): number => compiled.route.path.split("/").length - compiled.names.length;

const bySpecificity = (a: Compiled, b: Compiled): number =>
  Number(b.literal) - Number(a.literal) || fixedSegments(b) - fixedSegments(a);

const versioned = /^\/v([0-9.]+)(\/.*)$/s;

/** What a request line asks for. */
export interface Target {
  /** The `1.44` of `/v1.44/info`; undefined for `/info`. */
  version: string | undefined;
  /** Decoded, without the version. */
  path: string;
  query: string;
}

/** The path without empty and dot segments; the very same string when it has none. */
export const cleanPath = (path: string): string => (/\/\/|\/\.\.?(?:\/|$)/.test(path) ? posix.normalize(path) : path);

/** Splits and decodes a request's target; undefined when its percent-encoding is broken. */
export const parseTarget = (url: string): Target | undefined => {
  const at = url.indexOf("?");
  const raw = at < 0 ? url : url.slice(0, at);
  const query = at < 0 ? "" : url.slice(at + 1);
  let path = raw;
  if (raw.includes("%")) {
    try {
      path = decodeURIComponent(raw);
    } catch {
      return undefined;
    }
  }
  const found = versioned.exec(path);
  return found === null ? { version: undefined, path, query } : { version: found[1], path: found[2] ?? "/", query };
};
