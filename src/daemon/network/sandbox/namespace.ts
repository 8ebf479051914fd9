import { closeSync, rmSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import {
  createNetworkNamespace,
  openNamespace,
  pinNamespace,
  removeNetworkNamespace,
  withNetworkNamespace,
} from "../../../linux/namespace/network.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { setLink } from "../../../linux/netlink/link.ts";

/** The index of `lo` in every namespace. **Source:** linux/net_namespace.h LOOPBACK_IFINDEX. */
const loopbackIndex = 1;

/** An open network namespace of a sandbox, for as long as something is changed in it. */
export class SandboxNamespace implements Disposable {
  readonly fd: number;
  /** Routing netlink inside it. */
  readonly route: NetlinkSocket;

  private constructor(fd: number) {
    this.fd = fd;
    try {
      this.route = this.run(() => new NetlinkSocket(NETLINK_ROUTE));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /**
   * A new namespace, pinned at `path`, its loopback up.
   * @param made an open one that was made before, instead of one of the daemon's own
   * @throws SystemError; nothing is left then.
   */
  static create(path: string, made?: number): SandboxNamespace {
    if (made === undefined) createNetworkNamespace(path);
    else pinNamespace(made, path);
    try {
      const namespace = SandboxNamespace.open(path);
      namespace.route.change([setLink({ index: loopbackIndex }, { up: true })]);
      return namespace;
    } catch (error) {
      removeNetworkNamespace(path);
      throw error;
    }
  }

  /** @throws SystemError ENOENT, EINVAL (a file where nothing is pinned) */
  static open(path: string): SandboxNamespace {
    return new SandboxNamespace(openNamespace(path));
  }

  /** Runs synchronous work inside: sockets, sysctls. */
  run<T>(work: () => T extends PromiseLike<unknown> ? never : T): T {
    return withNetworkNamespace<T>(this.fd, work);
  }

  [Symbol.dispose](): void {
    this.route?.close();
    closeSync(this.fd);
  }
}

/** Unpins a namespace; one that is not pinned (any more) is no error. */
export const unpin = (path: string): void => {
  try {
    removeNetworkNamespace(path);
  } catch (error) {
    if (!isCode(error, "ENOENT", "EINVAL")) throw error;
    rmSync(path, { force: true });
  }
};
