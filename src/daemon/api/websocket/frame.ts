/** **Source:** RFC 6455, section 5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The largest frame a client may send: its bytes wait in memory until the frame is whole. */
export const maxFrameBytes = 1024 * 1024;

/** Why a connection is closed. **Source:** RFC 6455, section 7.4.1. */
export const closeCodes = { normal: 1000, protocolError: 1002, tooBig: 1009 } as const;

export interface Frame {
  final: boolean;
  opcode: number;
  payload: Buffer;
}

/** What a client sent is against the protocol. */
export class WebSocketError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A frame as a server sends it: whole and unmasked. */
export const encodeFrame = (opcode: number, payload: Uint8Array): Buffer => {
  const { length } = payload;
  const extended = length > 0xffff ? 8 : length > 125 ? 2 : 0;
  const frame = Buffer.allocUnsafe(2 + extended + length);
  frame[0] = 0x80 | opcode;
  if (extended === 0) frame[1] = length;
  else if (extended === 2) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, 2 + extended);
  return frame;
};

/** Takes the frames of a client out of its bytes, however they are cut. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** @throws WebSocketError */
  *read(chunk: Buffer): Generator<Frame> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const found = parse(this.#bytes);
      if (found === undefined) return;
      this.#bytes = this.#bytes.subarray(found.sizeBytes);
      yield found.frame;
    }
  }
}

const parse = (bytes: Buffer): { frame: Frame; sizeBytes: number } | undefined => {
  if (bytes.length < 2) return undefined;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  if ((first & 0x70) !== 0) throw new WebSocketError(closeCodes.protocolError, "reserved bits are set");
  if ((second & 0x80) === 0) throw new WebSocketError(closeCodes.protocolError, "a client's frame must be masked");
  const opcode = first & 0x0f;
  const final = (first & 0x80) !== 0;
  const short = second & 0x7f;
  if (opcode >= opcodes.close && (!final || short > 125)) {
    throw new WebSocketError(closeCodes.protocolError, "a control frame must be short and whole");
  }
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0;
  const headBytes = 2 + extended + 4;
  if (bytes.length < headBytes) return undefined;
  const length = extended === 8 ? Number(bytes.readBigUInt64BE(2)) : extended === 2 ? bytes.readUInt16BE(2) : short;
  if (length > maxFrameBytes) throw new WebSocketError(closeCodes.tooBig, "the frame is too big");
  if (bytes.length < headBytes + length) return undefined;
  const mask = bytes.subarray(headBytes - 4, headBytes);
  const payload = Buffer.from(bytes.subarray(headBytes, headBytes + length));
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return { frame: { final, opcode, payload }, sizeBytes: headBytes + length };
};
