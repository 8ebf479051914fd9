import type { Socket } from "node:net";
import { FrameType } from "../../../wire/shim/protocol.ts";
import type { ExitFile, OutOfMemory, StartError, Started } from "../../../wire/shim/protocol.ts";
import { attachShim } from "./attach.ts";
import type { AttachStreams } from "./attach.ts";
import { readExitFile } from "./exit-file.ts";
import { FrameDecoder, encodeFrame } from "./frame.ts";
import type { Frame } from "./frame.ts";

/** A failed start quotes 4 KiB of stderr and of log, each byte escaped at worst. */
const controlPayloadBytes = 128 * 1024;

/** The runtime could not start the process. `detail` has its own words. */
export class ShimStartError extends Error {
  readonly detail: StartError;

  constructor(detail: StartError) {
    super(detail.stderr.trim() || detail.log.trim() || `the runtime ended with status ${detail.status}`);
    this.name = "ShimStartError";
    this.detail = detail;
  }
}

/**
 * The control connection to one shim. The shim and its process go on when it is closed, or when this daemon ends.
 */
export class ShimConnection implements Disposable {
  readonly dir: string;
  /** Fulfilled when the process runs; rejects with ShimStartError, or Error when the shim died before that. */
  readonly started: Promise<Started>;
  /** How the process ended; null when the shim is gone without having said so (it was killed). Never rejects. */
  readonly exited: Promise<ExitFile | null>;
  /** Called at each kill for want of memory, with the kills so far. */
  onOom: (kills: number) => void = () => {};
  readonly #socket: Socket;
  readonly #start = Promise.withResolvers<Started>();
  readonly #exit = Promise.withResolvers<ExitFile | null>();
  readonly #decoder = new FrameDecoder(controlPayloadBytes);
  #closed = false;

  constructor(dir: string, socket: Socket) {
    this.dir = dir;
    this.#socket = socket;
    this.started = this.#start.promise;
    this.started.catch(() => {}); // whoever asks hears of it; nobody has to
    this.exited = this.#exit.promise;
    socket
      .on("data", (chunk: Buffer) => this.#receive(chunk))
      .on("end", () => socket.destroy())
      .on("error", () => {}) // followed by close
      .on("close", () => void this.#gone());
  }

  /** A new attach; output from now on. @throws Error when the shim is gone. */
  attach(streams: AttachStreams): Promise<Socket> {
    return attachShim(this.dir, streams);
  }

  /** Sets the size of the process's terminal; nothing happens when it has none. */
  resize(rows: number, columns: number): void {
    const size = Buffer.alloc(4);
    size.writeUInt16BE(Math.min(rows, 0xffff), 0);
    size.writeUInt16BE(Math.min(columns, 0xffff), 2);
    this.#send(FrameType.resize, size);
  }

  /** Closes the process's stdin once what was sent before is written. */
  closeStdin(): void {
    this.#send(FrameType.closeStdin);
  }

  /** Makes the reserved ports free, and ends the relays, although the process runs on. */
  releasePorts(): void {
    this.#send(FrameType.releasePorts);
  }

  /** Lets this process end while the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  /** Hangs up. `exited` is then null unless it was known. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #send(type: number, payload?: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(type, payload));
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.decode(chunk)) this.#frame(frame);
    } catch {
      this.#socket.destroy();
    }
  }

  #frame({ type, payload }: Frame): void {
    const value = (): unknown => JSON.parse(payload.toString());
    if (type === FrameType.started) this.#start.resolve(value() as Started);
    else if (type === FrameType.startFailed) this.#start.reject(new ShimStartError(value() as StartError));
    else if (type === FrameType.exited) this.#exit.resolve(value() as ExitFile);
    else if (type === FrameType.oom) this.onOom((value() as OutOfMemory).kills);
  }

  async #gone(): Promise<void> {
    // The frame may have been lost with the connection; the file is written before it.
    const exit = this.#closed ? null : await readExitFile(this.dir).catch(() => null);
    this.#exit.resolve(exit);
    if (exit?.startError) this.#start.reject(new ShimStartError(exit.startError));
    this.#start.reject(new Error("the shim is gone"));
  }
}
