import { type Socket as UdpSocket, createSocket } from "node:dgram";
import { type Server, type Socket, createServer } from "node:net";
import { type Forwarder, framed } from "./forward.ts";
import { type Query, readQuery, rcodes, refuse, writeAnswer } from "./message.ts";
import type { Zone } from "./zone.ts";

const maxTcpConnections = 32;
const tcpIdleMs = 10_000;
const maxMessageBytes = 65_535;

/** Sockets that were made inside a sandbox. */
export interface DnsSockets {
  udpFd: number;
  tcpFd: number;
}

/** Answers one sandbox. */
export class DnsServer implements Disposable {
  readonly #containerId: string;
  readonly #zone: Zone;
  readonly #forwarder: Forwarder;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  /** Takes the descriptors over, to close them. */
  constructor(containerId: string, sockets: DnsSockets, zone: Zone, forwarder: Forwarder) {
    this.#containerId = containerId;
    this.#zone = zone;
    this.#forwarder = forwarder;
    this.#udp = createSocket("udp4");
    this.#udp.on("error", () => {});
    this.#udp.on("message", (bytes, { address, port }) => {
      void this.#answer(bytes, false).then((answer) => {
        if (answer !== null && !this.#closed) this.#udp.send(answer, port, address, () => {});
      });
    });
    this.#udp.bind({ fd: sockets.udpFd });
    this.#tcp = createServer((socket) => this.#converse(socket));
    this.#tcp.maxConnections = maxTcpConnections;
    this.#tcp.on("error", () => {});
    this.#tcp.listen({ fd: sockets.tcpFd });
  }

  #closed = false;

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  /** Never rejects: what goes wrong is a SERVFAIL. */
  async #answer(bytes: Buffer, tcp: boolean): Promise<Buffer | null> {
    const query = readQuery(bytes);
    if (query === null) return refuse(bytes);
    const maxBytes = tcp ? maxMessageBytes : query.maxBytes;
    try {
      const local = this.#zone.answer(this.#containerId, query.question.name, query.question.type);
      if (local !== null) return writeAnswer(query, local, maxBytes);
      return await this.#elsewhere(query, tcp, maxBytes);
    } catch {
      return writeAnswer(query, { rcode: rcodes.serverFailure, answers: [] }, maxBytes);
    }
  }

  async #elsewhere(query: Query, tcp: boolean, maxBytes: number): Promise<Buffer> {
    const { upstream = [], ndots = 0 } = this.#zone.get(this.#containerId) ?? {};
    const own = (rcode: number): Buffer => writeAnswer(query, { rcode, answers: [] }, maxBytes);
    // With ndots above 0 the client asks short names with its search domains: the bare one is not for the world.
    if (ndots > 0 && !query.question.name.replace(/\.$/, "").includes(".")) return own(rcodes.nameError);
    if (upstream.length === 0) return own(rcodes.serverFailure);
    const answer = await this.#forwarder.forward(this.#containerId, query, upstream, tcp);
    return answer ?? own(rcodes.serverFailure);
  }

  #converse(socket: Socket): void {
    let received = Buffer.alloc(0);
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(tcpIdleMs, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const message = received.subarray(2, 2 + received.readUInt16BE(0));
        received = received.subarray(2 + message.length);
        void this.#answer(Buffer.from(message), true).then((answer) => {
          if (answer !== null && !socket.destroyed) socket.write(framed(answer));
        });
      }
    });
  }
}
