import { readFileSync, rmSync } from "node:fs";
import { chmod, chown, lstat, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { isCode } from "../../linux/error.ts";
import { makeDirectories } from "../../linux/file/make-directories.ts";
import { listenUnix } from "../../linux/socket/unix.ts";
import { dirname } from "node:path";
import { type EngineError, messageOf, systemError } from "../../base/errors.ts";

/** Where the API listens. */
export type Host =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; address: string; port: number }
  | { kind: "fd"; name: string };

/** Docker's default for `tcp://` without a port. */
const defaultTcpPort = 2375;
const defaultAddress = "127.0.0.1";
/** Connections that may wait to be accepted, as Node's own default. */
const backlog = 511;
/** The first descriptor that systemd passes. **Source:** sd_listen_fds(3). */
const firstPassedFd = 3;

/**
 * Reads a `--host`: `unix:///run/x.sock`, `tcp://1.2.3.4:2375`, `tcp://`, `fd://`, `fd://docker.socket`, or a bare
 * address.
 * @throws system in dockerd's words.
 */
export const parseHost = (text: string): Host => {
  const host = text.trim();
  const at = host.indexOf("://");
  const scheme = at < 0 ? "tcp" : host.slice(0, at);
  const rest = at < 0 ? host : host.slice(at + 3);
  if (scheme === "unix") {
    if (rest === "") return { kind: "unix", path: "/run/berth.sock" };
    if (rest.includes("://")) throw systemError(`invalid bind address (${text}): invalid unix address: ${rest}`);
    return { kind: "unix", path: rest };
  }
  if (scheme === "fd") return { kind: "fd", name: rest };
  if (scheme !== "tcp") throw systemError(`invalid bind address (${text}): unsupported proto '${scheme}'`);
  return parseTcp(text, rest);
};

const parseTcp = (text: string, rest: string): Host => {
  const found = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/[\]]*))(?::([0-9]+))?\/?$/.exec(rest);
  if (found === null) throw systemError(`invalid bind address (${text}): should be of the form tcp://host:port`);
  const port = found[3] === undefined ? defaultTcpPort : Number(found[3]);
  if (port > 65_535) throw systemError(`invalid bind address (${text}): invalid port: ${found[3]}`);
  return { kind: "tcp", address: found[1] ?? (found[2] || defaultAddress), port };
};

export interface ListenOptions {
  /** The group that may use unix sockets: a name or a number; without it (or when it does not exist) root alone. */
  group?: string;
  environment?: NodeJS.ProcessEnv;
  /** Told when the group does not exist. */
  onWarning?: (message: string) => void;
  /** Who is hung up on at once, by address: a container that speaks to its engine is its host's root. */
  refuses?: (address: string) => boolean;
}

/** A listening server; disposing of it stops listening, ends idle connections and removes the socket file it made. */
export interface Listener extends AsyncDisposable {
  /** As `docker -H` takes it. */
  readonly address: string;
}

/**
 * Lets servers made by `createServer` listen on a host. `fd://` may stand for several sockets.
 * @throws system when the address cannot be had, in dockerd's words.
 */
export const listen = async (
  host: Host,
  createServer: () => Server,
  options: ListenOptions = {},
): Promise<Listener[]> => {
  if (host.kind === "fd") {
    const fds = passedFds(host.name, options.environment ?? process.env);
    return Promise.all(fds.map((fd) => listenOnFd(fd, guarded(createServer(), options))));
  }
  if (host.kind === "unix") return [await listenOnUnix(host.path, createServer(), options)];
  const server = guarded(createServer(), options);
  const { address, port } = host;
  await started(server, { host: address, port }, `${address}:${port}`);
  const bound = server.address();
  const actual = typeof bound === "object" && bound !== null ? bound.port : port;
  return [listenerOf(server, `tcp://${address.includes(":") ? `[${address}]` : address}:${actual}`)];
};

const guarded = (server: Server, { refuses }: ListenOptions): Server =>
  server.on("connection", (socket: Socket) => {
    if (socket.remoteAddress !== undefined && refuses?.(socket.remoteAddress) === true) socket.destroy();
  });

const listenOnUnix = async (path: string, server: Server, options: ListenOptions): Promise<Listener> => {
  makeDirectories(dirname(path));
  await removeStale(path, options.environment ?? process.env);
  const fd = bound(path);
  await started(server, { fd }, path);
  try {
    const gid = options.group === undefined || options.group === "" ? 0 : groupId(options.group);
    if (gid === undefined) options.onWarning?.(`could not change group ${path} to ${options.group}: group not found`);
    await chown(path, 0, gid ?? 0);
    await chmod(path, 0o660);
  } catch (error) {
    server.close();
    await rm(path, { force: true });
    throw systemError(`failed to load listeners: ${messageOf(error)}`, error);
  }
  return listenerOf(server, `unix://${path}`, path);
};

/** Root's alone until it has its group. */
const bound = (path: string): number => {
  try {
    return listenUnix(path, 0o600, backlog);
  } catch (error) {
    throw listenError(path, error);
  }
};

/** Takes away a socket file that nobody serves. One that accepts, or that systemd passed to us, stays. */
const removeStale = async (path: string, environment: NodeJS.ProcessEnv): Promise<void> => {
  const entry = await lstat(path).catch(() => undefined);
  if (entry === undefined) return;
  if (!entry.isSocket()) throw systemError(`failed to load listeners: can't create unix socket ${path}: is a file`);
  if (environment["LISTEN_PID"] === String(process.pid) || (await accepts(path))) {
    throw systemError(`failed to load listeners: can't create unix socket ${path}: address already in use`);
  }
  await rm(path, { force: true });
};

/** True when a server accepts on `path`, or its queue is full. */
const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EAGAIN"));
  });

const groupId = (group: string): number | undefined => {
  if (/^[0-9]+$/.test(group)) return Number(group);
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${group}:`));
  return line === undefined ? undefined : Number(line.split(":")[2]);
};

/** The descriptors that systemd passed, all or the one named. **Source:** sd_listen_fds(3). */
const passedFds = (name: string, environment: NodeJS.ProcessEnv): number[] => {
  const count = environment["LISTEN_PID"] === String(process.pid) ? Number(environment["LISTEN_FDS"] ?? 0) : 0;
  if (!(count > 0)) {
    throw systemError(
      "failed to load listeners: no sockets found via socket activation: make sure the service was started by systemd",
    );
  }
  const names = (environment["LISTEN_FDNAMES"] ?? "").split(":");
  const all = Array.from({ length: count }, (_, i) => firstPassedFd + i);
  if (name === "" || name === "*") return all;
  const wanted = /^[0-9]+$/.test(name)
    ? all.filter((fd) => fd === Number(name))
    : all.filter((_, i) => names[i] === name);
  if (wanted.length === 0)
    throw systemError(`failed to load listeners: failed to find systemd activated sockets: ${name}`);
  return wanted;
};

const listenOnFd = async (fd: number, server: Server): Promise<Listener> => {
  await started(server, { fd }, `fd://${fd}`);
  return listenerOf(server, `fd://${fd}`);
};

const started = (server: Server, where: object, what: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(listenError(what, error));
    server.once("error", fail);
    server.listen({ ...where, backlog }, () => {
      server.off("error", fail);
      // Accepting may fail while descriptors are short; the listener stays.
      server.on("error", () => {});
      resolve();
    });
  });

const listenError = (what: string, error: unknown): EngineError => {
  const reason = isCode(error, "EADDRINUSE") ? "address already in use" : messageOf(error);
  return systemError(`failed to load listeners: listen ${what}: ${reason}`, error);
};

/** @param file the socket's, which goes with the listener; one that was passed in stays */
const listenerOf = (server: Server, address: string, file?: string): Listener => {
  // HTTP forgets connections that were taken over, and would wait for them.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    address,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        // Before it stops listening: afterwards the name may be another's.
        if (file !== undefined) rmSync(file, { force: true });
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
