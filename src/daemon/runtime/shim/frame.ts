/** Docker's stream header: `[type, 0, 0, 0, length]`. */
export const frameHeaderBytes = 8;

/** One frame: Docker's 8-byte stream header, then the payload. */
export const encodeFrame = (type: number, payload: Uint8Array | string = ""): Buffer => {
  const body = typeof payload === "string" ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(frameHeaderBytes + body.length);
  frame.writeUInt32BE((type << 24) >>> 0, 0);
  frame.writeUInt32BE(body.length, 4);
  frame.set(body, frameHeaderBytes);
  return frame;
};

export interface Frame {
  type: number;
  payload: Buffer;
}

/** Takes a stream of frames apart. Holds at most one frame of `maxPayloadBytes`. */
export class FrameDecoder {
  readonly #maxPayloadBytes: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** What has arrived and belongs to no whole frame yet. */
  get rest(): Buffer {
    return this.#held;
  }

  /**
   * Yields the frames that `chunk` completes, one at a time: a caller that stops early finds the bytes behind the frame
   * in `rest`.
   * @throws RangeError for a frame larger than the bound.
   */
  *decode(chunk: Uint8Array): Generator<Frame> {
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= frameHeaderBytes) {
      const size = this.#held.readUInt32BE(4);
      if (size > this.#maxPayloadBytes) throw new RangeError(`frame of ${size} bytes`);
      if (this.#held.length < frameHeaderBytes + size) return;
      const frame = {
        type: this.#held[0] ?? 0,
        payload: this.#held.subarray(frameHeaderBytes, frameHeaderBytes + size),
      };
      this.#held = this.#held.subarray(frameHeaderBytes + size);
      yield frame;
    }
  }
}
