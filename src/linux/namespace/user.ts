import { closeSync, openSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { SystemError } from "../error.ts";
import { spawn } from "../process/spawn.ts";
import { mapText } from "./id-mapping.ts";
import type { IdMapping } from "./id-mapping.ts";

/** A user namespace, kept alive by its descriptors, and a network namespace that belongs to it when that was asked for. */
export interface UserNamespace extends Disposable {
  readonly user: number;
  readonly network: number | null;
}

export interface UserNamespaceOptions {
  /** The program that makes namespaces, absolute: `berth-shim`. */
  helper: string;
  mapping: IdMapping;
  /** With a network namespace that its root may configure. */
  network?: boolean;
}

export interface JoinOptions {
  helper: string;
  /** A user namespace that is there. */
  join: number;
}

const timeoutMs = 10_000;
const ETIMEDOUT = 110;
const EPIPE = 32;

/**
 * Makes a user namespace of a mapping. The kernel lets only a process with one thread do so: a helper is started (1 ms)
 * and ends again; what it made is held by the descriptors.
 *
 * @throws SystemError: ENOSPC, EPERM where the machine allows no more of them (user.max_user_namespaces)
 *
 * **Source:** user_namespaces(7).
 */
export const createUserNamespace = ({ helper, mapping, network }: UserNamespaceOptions): Promise<UserNamespace> =>
  ask(helper, network === true ? "user,net" : "user", {}, (pid) => {
    writeFileSync(`/proc/${pid}/gid_map`, mapText(mapping.gids));
    writeFileSync(`/proc/${pid}/uid_map`, mapText(mapping.uids));
    return pin(pid, network === true);
  });

/** Makes a network namespace that belongs to a user namespace that is there. @throws SystemError */
export const createNetworkIn = ({ helper, join }: JoinOptions): Promise<UserNamespace> =>
  ask(helper, "join,net", { 3: join }, (pid) => pin(pid, true));

/** Has the helper make namespaces, and takes them while it waits. */
const ask = async <T>(
  helper: string,
  kinds: string,
  fds: Record<number, number>,
  take: (pid: number) => T,
): Promise<T> => {
  const child = spawn([helper, "--namespaces", kinds], { env: {}, stdin: "pipe", stdout: "pipe", fds });
  child.stdin?.on("error", () => {});
  try {
    const errno = await firstNumber(child.stdout, helper);
    if (errno !== 0) throw new SystemError(errno, "unshare");
    return take(child.pid);
  } finally {
    child.stdin?.destroy();
    child.stdout?.destroy();
  }
};

const pin = (pid: number, withNetwork: boolean): UserNamespace => {
  const user = openSync(`/proc/${pid}/ns/user`, "r");
  let network: number | null = null;
  try {
    if (withNetwork) network = openSync(`/proc/${pid}/ns/net`, "r");
  } catch (error) {
    closeSync(user);
    throw error;
  }
  return {
    user,
    network,
    [Symbol.dispose]: () => {
      closeSync(user);
      if (network !== null) closeSync(network);
    },
  };
};

/** The line that the helper writes. */
const firstNumber = (stream: Socket | undefined, helper: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SystemError(ETIMEDOUT, "unshare", helper)), timeoutMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    stream?.once("data", (chunk: Buffer) => settle(() => resolve(Number(chunk.toString().trim()))));
    stream?.once("error", (error) => settle(() => reject(error)));
    stream?.once("close", () => settle(() => reject(new SystemError(EPIPE, "unshare", helper))));
  });
