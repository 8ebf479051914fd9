import { close, closeSync } from "node:fs";
import { SystemError } from "../error.ts";
import { check, failure, lastErrno, libc, libcAsync } from "../ffi.ts";
import { type Message, NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, type Reply, decode, encode } from "./message.ts";

const socket = libc("socket", ["int", "int", "int"]);
const bind = libc("bind", ["int", "void *", "uint"]);
const setsockopt = libc("setsockopt", ["int", "int", "int", "void *", "uint"]);
const send = libc("send", ["int", "void *", "size_t", "int"], "int64");
const sendAsync = libcAsync("send", ["int", "void *", "size_t", "int"], "int64");
const recv = libc("recv", ["int", "void *", "size_t", "int"], "int64");

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const ENOBUFS = 105;
const ETIMEDOUT = 110;

/** What one read may return; the kernel's dumps come in pieces of at most 32 KiB. */
const receiveBytes = 64 * 1024;
/** The kernel answers within its turn; this bounds what must not happen. */
const receiveTimeoutMs = 5000;
/** More messages than any dump of a host with tens of thousands of links and rules holds. */
const maxDumpMessages = 200_000;
/** What one send carries: its acknowledgements must fit the receive buffer. */
const maxBatchBytes = 16 * 1024;
const socketBufferBytes = 1 << 20;

/**
 * A netlink socket. It belongs for ever to the network namespace that the calling thread was in when it was opened. All
 * calls are synchronous: the kernel does the work within the system call.
 *
 * **Source:** netlink(7).
 */
export class NetlinkSocket implements Disposable {
  readonly fd: number;
  readonly #buffer = Buffer.allocUnsafe(receiveBytes);
  #sequence = 1;
  #open = true;

  /** @param protocol NETLINK_ROUTE, NETLINK_NETFILTER. @throws SystemError */
  constructor(protocol: number) {
    this.fd = check(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "socket", "netlink");
    try {
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      check(bind(this.fd, address, address.length), "bind", "netlink");
      this.#option(SOL_SOCKET, SO_RCVBUF, socketBufferBytes);
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(BigInt(receiveTimeoutMs / 1000), 0);
      check(setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length), "setsockopt");
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        this.#option(SOL_NETLINK, option, 1);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Sends changes in one system call and waits until the kernel has done or refused each of them. All are tried, also
   * after one that failed.
   * @returns one entry for each message: its error, or null.
   */
  attempt(messages: readonly Message[]): (SystemError | null)[] {
    const results: (SystemError | null)[] = [];
    for (const part of batches(messages)) results.push(...this.#exchange(part));
    return results;
  }

  /** Sends changes as `attempt` does. @throws SystemError of the first that failed. */
  change(messages: readonly Message[]): void {
    const failed = this.attempt(messages).find((error) => error !== null);
    if (failed !== undefined) throw failed;
  }

  /**
   * As `attempt`, with the system call on a thread of libuv's pool: for changes that block (links and conntrack entries
   * being deleted). The socket must have no other user until it is settled.
   */
  async attemptAsync(messages: readonly Message[]): Promise<(SystemError | null)[]> {
    const results: (SystemError | null)[] = [];
    for (const part of batches(messages)) {
      const { first, bytes } = this.#encodeAll(part);
      // oxlint-disable-next-line no-await-in-loop -- one exchange at a time is what a netlink socket can do
      const sent = await sendAsync(this.fd, bytes, bytes.length, 0);
      if (sent < 0) throw new SystemError(EIO, "send", "netlink");
      results.push(...this.#acknowledged(first, part));
    }
    return results;
  }

  /** What the kernel answers to one question that is no dump. @throws SystemError */
  ask(message: Message): Reply[] {
    const sequence = this.#next();
    this.#send(encode({ ...message, flags: message.flags | NLM_F_ACK }, sequence));
    return this.#collect(sequence, message);
  }

  /** All entries of a table. @throws SystemError; ENOBUFS: more than a dump may hold. */
  dump(message: Message): Reply[] {
    const sequence = this.#next();
    this.#send(encode({ ...message, flags: message.flags | NLM_F_DUMP }, sequence));
    return this.#collect(sequence, message);
  }

  /** As `dump`, with the system call that walks the table on a thread of libuv's pool. No other user until it is settled. */
  async dumpAsync(message: Message): Promise<Reply[]> {
    const sequence = this.#next();
    const bytes = encode({ ...message, flags: message.flags | NLM_F_DUMP }, sequence);
    const sent = await sendAsync(this.fd, bytes, bytes.length, 0);
    if (sent < 0) throw new SystemError(EIO, "send", "netlink");
    return this.#collect(sequence, message);
  }

  /** Sends bytes made with `encode`; for protocols with a frame of their own (nftables). Acks are collected by count. */
  transact(messages: readonly Message[], acks: number): void {
    const first = this.#sequence;
    this.#send(Buffer.concat(messages.map((message) => encode(message, this.#next()))));
    let failed: SystemError | null = null;
    for (let left = acks; left > 0;) {
      for (const reply of this.#receive()) {
        if (reply.sequence < first || reply.type !== NLMSG_ERROR) continue;
        left -= 1;
        failed ??= errorOf(reply, messages[reply.sequence - first]);
        // A refused batch is answered for its first bad message, and not for the others.
        if (failed !== null) left = 0;
      }
    }
    if (failed !== null) {
      this.#drain();
      throw failed;
    }
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }

  /** Closes it on a thread of libuv's pool, where closing may wait for the kernel. */
  closeLater(): void {
    if (this.#open) close(this.fd, () => {});
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #exchange(messages: readonly Message[]): (SystemError | null)[] {
    const { first, bytes } = this.#encodeAll(messages);
    this.#send(bytes);
    return this.#acknowledged(first, messages);
  }

  #encodeAll(messages: readonly Message[]): { first: number; bytes: Buffer } {
    const first = this.#sequence;
    const acknowledged = messages.map((message) => ({ ...message, flags: message.flags | NLM_F_ACK }));
    return { first, bytes: Buffer.concat(acknowledged.map((message) => encode(message, this.#next()))) };
  }

  #acknowledged(first: number, messages: readonly Message[]): (SystemError | null)[] {
    const results = new Map<number, SystemError | null>();
    while (results.size < messages.length) {
      for (const reply of this.#receive()) {
        const index = reply.sequence - first;
        if (reply.type !== NLMSG_ERROR || index < 0 || index >= messages.length) continue;
        results.set(index, errorOf(reply, messages[index]));
      }
    }
    return messages.map((_, index) => results.get(index) ?? null);
  }

  #collect(sequence: number, message: Message): Reply[] {
    const replies: Reply[] = [];
    for (;;) {
      for (const reply of this.#receive()) {
        if (reply.sequence !== sequence) continue;
        if (reply.type === NLMSG_DONE) return replies;
        if (reply.type === NLMSG_ERROR) {
          const error = errorOf(reply, message);
          if (error !== null) throw error;
          return replies;
        }
        replies.push(reply);
        if (replies.length > maxDumpMessages) throw new SystemError(ENOBUFS, "netlink", message.about);
      }
    }
  }

  #next(): number {
    const sequence = this.#sequence;
    this.#sequence = sequence >= 0x7fff_0000 ? 1 : sequence + 1;
    return sequence;
  }

  #send(bytes: Buffer): void {
    check(send(this.fd, bytes, bytes.length, 0), "send", "netlink");
  }

  #receive(): Reply[] {
    for (;;) {
      const length = recv(this.fd, this.#buffer, this.#buffer.length, 0);
      if (length >= 0) return decode(this.#buffer.subarray(0, length));
      const errno = lastErrno();
      if (errno === EINTR) continue;
      throw errno === EAGAIN ? new SystemError(ETIMEDOUT, "recv", "netlink") : failure("recv", "netlink");
    }
  }

  #drain(): void {
    const MSG_DONTWAIT = 0x40;
    while (recv(this.fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT) > 0);
  }

  #option(level: number, name: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    // A kernel without one of these (all are older than 5.0) does without.
    setsockopt(this.fd, level, name, bytes, bytes.length);
  }
}

const batches = function* (messages: readonly Message[]): Generator<Message[]> {
  let part: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = message.payload.length + 32;
    if (part.length > 0 && bytes + size > maxBatchBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(message);
    bytes += size;
  }
  if (part.length > 0) yield part;
};

/** The error in an acknowledgement, null for success. The kernel's own explanation, if it gave one, is its detail. */
const errorOf = (reply: Reply, message: Message | undefined): SystemError | null => {
  const errno = -reply.payload.readInt32LE(0);
  if (errno === 0) return null;
  return new SystemError(errno, "netlink", message?.about, explanation(reply));
};

const explanation = (reply: Reply): string | undefined => {
  if ((reply.flags & NLM_F_ACK_TLVS) === 0) return undefined;
  const inner = reply.payload.length < 8 ? 0 : reply.payload.readUInt32LE(4);
  const start = (reply.flags & NLM_F_CAPPED) === 0 ? 4 + inner : 20;
  for (let at = start; at + 4 <= reply.payload.length;) {
    const length = reply.payload.readUInt16LE(at);
    if (length < 4) return undefined;
    if ((reply.payload.readUInt16LE(at + 2) & 0x3fff) === NLMSGERR_ATTR_MSG) {
      return reply.payload.toString("utf8", at + 4, at + length - 1);
    }
    at += (length + 3) & ~3;
  }
  return undefined;
};
