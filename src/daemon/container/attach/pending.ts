import type { Duplex } from "node:stream";
import { connect, type ConnectOptions } from "./connect.ts";

/** A client that attached before the container's start. The start hands it the streams from their first byte. */
export class PendingAttachment {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly options: ConnectOptions;
  /** It has been given a process's streams. */
  connected = false;
  readonly #client: Duplex;
  readonly #finish: (how: "ended" | "detached" | "left") => void;
  readonly done: Promise<"ended" | "detached" | "left">;

  constructor(client: Duplex, want: { stdout: boolean; stderr: boolean }, options: ConnectOptions) {
    this.#client = client;
    this.stdout = want.stdout;
    this.stderr = want.stderr;
    this.options = options;
    let finish: (how: "ended" | "detached" | "left") => void = () => {};
    this.done = new Promise((resolve) => (finish = resolve));
    this.#finish = finish;
    client.once("close", () => finish("left"));
  }

  get stdin(): boolean {
    return this.options.stdin;
  }

  async connect(streams: Duplex): Promise<void> {
    this.connected = true;
    this.#finish(await connect(streams, this.#client, this.options));
  }

  /** The container will not run: the client sees its connection end. */
  cancel(): void {
    this.#client.end();
    this.#finish("ended");
  }
}
