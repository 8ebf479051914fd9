/**
 * Netlink messages: a 16-byte header and a payload. **Source:** netlink(7).
 */
export interface Message {
  /** RTM_NEWLINK, … */
  type: number;
  flags: number;
  payload: Uint8Array;
  /** What it is about, for the error: "veth1a2b". */
  about?: string;
}

/** A message as the kernel sent it. */
export interface Reply {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const headerBytes = 16;

/** The bytes of one message. Its length is padded, so that messages can be sent behind one another. */
export const encode = (message: Message, sequence: number): Buffer => {
  const length = headerBytes + message.payload.length;
  const buffer = Buffer.alloc((length + 3) & ~3);
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt16LE(message.type, 4);
  buffer.writeUInt16LE(message.flags | NLM_F_REQUEST, 6);
  buffer.writeUInt32LE(sequence >>> 0, 8);
  buffer.set(message.payload, headerBytes);
  return buffer;
};

/** The messages of one datagram from the kernel. */
export const decode = (datagram: Buffer): Reply[] => {
  const replies: Reply[] = [];
  for (let at = 0; at + headerBytes <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < headerBytes || at + length > datagram.length) break;
    replies.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      // A copy: the receive buffer is used again.
      payload: Buffer.from(datagram.subarray(at + headerBytes, at + length)),
    });
    at += (length + 3) & ~3;
  }
  return replies;
};
