import { randomInt } from "node:crypto";
import { type Socket, createSocket } from "node:dgram";
import { connect } from "node:net";
import { type Query, isAnswerTo, isTruncated, rcodeOf, rcodes, withId } from "./message.ts";

/** Questions on their way to the servers, all sandboxes together. */
const maxInFlight = 1024;
/** And of one sandbox: one that floods keeps nobody else from an answer. */
const maxInFlightEach = 256;
const serverTimeoutMs = 2000;
/** Servers asked for one question. */
const maxServers = 3;
const maxAnswerBytes = 65_535;
const dnsPort = 53;

/** Passes questions on to the servers a container has. */
export class Forwarder {
  #inFlight = 0;
  readonly #each = new Map<string, number>();

  /** The first server's answer, under the question's own id; null when none has one, or too many are being asked. */
  async forward(containerId: string, query: Query, servers: readonly string[], tcp: boolean): Promise<Buffer | null> {
    const own = this.#each.get(containerId) ?? 0;
    if (this.#inFlight >= maxInFlight || own >= maxInFlightEach) return null;
    this.#inFlight += 1;
    this.#each.set(containerId, own + 1);
    try {
      return await ask(query, servers.slice(0, maxServers), tcp);
    } finally {
      this.#inFlight -= 1;
      const left = (this.#each.get(containerId) ?? 1) - 1;
      if (left === 0) this.#each.delete(containerId);
      else this.#each.set(containerId, left);
    }
  }
}

const ask = async (query: Query, servers: readonly string[], tcp: boolean): Promise<Buffer | null> => {
  let last: Buffer | null = null;
  for (const server of servers) {
    const id = randomInt(0x10000);
    const question = withId(query.bytes, id);
    // oxlint-disable-next-line no-await-in-loop -- the next server is asked only when this one failed
    const answer = await (tcp ? overTcp(query, question, id, server) : overUdp(query, question, id, server));
    if (answer === null) continue;
    last = withId(answer, query.id);
    const rcode = rcodeOf(answer);
    if (isTruncated(answer) || (rcode !== rcodes.serverFailure && rcode !== rcodes.refused)) return last;
  }
  return last;
};

/** A socket of its own for each question: its random port is half of what makes an answer hard to forge. */
const overUdp = (query: Query, question: Buffer, id: number, server: string): Promise<Buffer | null> =>
  new Promise((resolve) => {
    const socket: Socket = createSocket(server.includes(":") ? "udp6" : "udp4");
    let done = false;
    const settle = (answer: Buffer | null): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), serverTimeoutMs);
    socket.on("error", () => settle(null));
    socket.on("message", (answer) => {
      if (isAnswerTo(query, id, answer)) settle(answer);
    });
    socket.connect(dnsPort, server, (error?: Error) => {
      if (error !== undefined && error !== null) settle(null);
      else if (!done) socket.send(question, (failed) => void (failed !== null && settle(null)));
    });
  });

const overTcp = (query: Query, question: Buffer, id: number, server: string): Promise<Buffer | null> =>
  new Promise((resolve) => {
    const socket = connect(dnsPort, server);
    let received = Buffer.alloc(0);
    const settle = (answer: Buffer | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(serverTimeoutMs, () => settle(null));
    socket.on("error", () => settle(null));
    socket.on("close", () => settle(null));
    socket.on("connect", () => socket.write(framed(question)));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > maxAnswerBytes + 2) return settle(null);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      settle(isAnswerTo(query, id, answer) ? Buffer.from(answer) : null);
    });
  });

/** A message as it goes over TCP: its length before it. **Source:** RFC 1035 4.2.2. */
export const framed = (message: Buffer): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
};
