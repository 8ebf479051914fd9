import { Duplex } from "node:stream";
import { Unframer } from "./unframe.ts";
import { closeCodes, encodeFrame, type Frame, FrameReader, opcodes, WebSocketError } from "./frame.ts";

export interface WebSocketOptions {
  /** What is written comes in Docker's frames, which are taken off. */
  framed: boolean;
}

/**
 * The messages of a WebSocket as a stream of bytes both ways: what the client sends in text or binary frames is read,
 * what is written goes out in binary frames. The client's close ends the reading side; ending the writing side closes.
 * **Source:** RFC 6455.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  readonly #reader = new FrameReader();
  readonly #unframe: Unframer | undefined;
  #closeSent = false;

  constructor(socket: Duplex, { framed }: WebSocketOptions) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#unframe = framed ? new Unframer() : undefined;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    socket.on("error", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const bytes = this.#unframe === undefined ? chunk : this.#unframe.take(chunk);
    if (bytes.length === 0 || this.#socket.write(encodeFrame(opcodes.binary, bytes))) done();
    else this.#socket.once("drain", () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#close(closeCodes.normal);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.read(chunk)) this.#take(frame);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#close(error.code);
      this.push(null);
    }
  }

  #take({ opcode, payload }: Frame): void {
    switch (opcode) {
      case opcodes.text:
      case opcodes.binary:
      case opcodes.continuation:
        if (!this.push(payload)) this.#socket.pause();
        return;
      case opcodes.ping:
        if (!this.#closeSent) this.#socket.write(encodeFrame(opcodes.pong, payload));
        return;
      case opcodes.pong:
        return;
      case opcodes.close:
        this.#close(closeCodes.normal);
        this.push(null);
        return;
      default:
        throw new WebSocketError(closeCodes.protocolError, `unknown opcode ${opcode}`);
    }
  }

  #close(code: number): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#socket.end(encodeFrame(opcodes.close, payload));
  }
}
