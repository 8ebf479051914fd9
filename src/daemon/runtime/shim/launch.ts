import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { openNullDevice } from "../../../linux/file/null-device.ts";
import type { Owner } from "../../../linux/namespace/id-mapping.ts";
import { spawn } from "../../../linux/process/spawn.ts";
import { socketpair } from "../../../linux/socket/socketpair.ts";
import type { Started } from "../../../wire/shim/protocol.ts";
import { shimArguments } from "./arguments.ts";
import type { ShimOptions } from "./arguments.ts";
import { ShimConnection } from "./connection.ts";
import { socketOf } from "./socket.ts";

/** Descriptors that the shim is born with: the control connection, then whatever its arguments name. */
const controlFd = 3;

/** A shim whose process runs. */
export interface LaunchedShim {
  connection: ShimConnection;
  process: Started;
  /** The attaches asked for before the start, in that order; they miss nothing. */
  attached: Socket[];
}

/**
 * Starts a shim, which starts the container or the exec through the runtime. The shim is nobody's child and outlives
 * this process.
 *
 * Descriptors in `holdFds` and `relays` are duplicated into the shim; the caller closes its own whenever it likes.
 *
 * @throws ShimStartError with the runtime's words when the process could not be started; SystemError when the shim
 *   itself could not be executed. Nothing runs then, and the attaches are closed.
 * @param spawned called once the shim is on its way, while this still waits for it.
 */
export const launchShim = async (options: ShimOptions, spawned?: () => void): Promise<LaunchedShim> => {
  const launch = spawnShim(options);
  try {
    spawned?.();
    return { ...launch, process: await launch.connection.started };
  } catch (error) {
    launch.connection[Symbol.dispose]();
    for (const socket of launch.attached) socket.destroy();
    throw error;
  }
};

/**
 * The same with a null device of its own: crun makes the process's user the owner of the standard streams that it is given, and that must
 * never be the /dev/null that everybody uses.
 *
 * @param owner who the root of the process's user namespace is outside; undefined without one
 */
export const launchWithNull = async (
  owner: Owner | undefined,
  options: ShimOptions,
  spawned?: () => void,
): Promise<LaunchedShim> => {
  const nullFd = openNullDevice();
  try {
    return await launchShim({ ...options, nullFd, ...(owner === undefined ? {} : { owner }) }, spawned);
  } finally {
    closeSync(nullFd);
  }
};

/** The same, without waiting: `connection.started` tells. Attached sockets may be used at once. */
export const spawnShim = (options: ShimOptions): { connection: ShimConnection; attached: Socket[] } => {
  const ours: number[] = [];
  const theirs: number[] = [];
  const pair = (): number => {
    const [own, child] = socketpair();
    ours.push(own);
    theirs.push(child);
    return child;
  };
  try {
    const fds: Record<number, number> = { [controlFd]: pair() };
    let next = controlFd + 1;
    const place = (fd: number): number => {
      fds[next] = fd;
      return next++;
    };
    const argv = shimArguments(options, { attach: () => place(pair()), inherit: place });
    spawn(argv, { env: { PATH: process.env["PATH"] }, fds });
  } catch (error) {
    for (const fd of ours) closeSync(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
  const [control, ...attached] = ours.map(socketOf);
  if (control === undefined) throw new Error("no control connection");
  return { connection: new ShimConnection(options.dir, control), attached };
};
