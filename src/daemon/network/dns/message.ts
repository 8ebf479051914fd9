import { type Packet, type Question, decode, encode } from "dns-packet";

/** Response codes. **Source:** RFC 1035 4.1.1. */
export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const headerBytes = 12;
const flagResponse = 1 << 15;
const flagRecursionDesired = 1 << 8;
const flagRecursionAvailable = 1 << 7;
const flagTruncated = 1 << 9;
/** What a client that says nothing takes over UDP. **Source:** RFC 1035 4.2.1. */
const plainUdpBytes = 512;
const maxUdpBytes = 4096;

/** A question as it came. */
export interface Query {
  id: number;
  flags: number;
  question: Question;
  /** The bytes of the whole message, to be passed on. */
  bytes: Buffer;
  /** What the client takes over UDP. */
  maxBytes: number;
}

/** An answer out of the engine's own books. */
export interface LocalAnswer {
  rcode: number;
  answers: { type: "A" | "AAAA" | "PTR"; data: string }[];
}

const ttlSeconds = 600;

/**
 * Reads a query. Anything but one question in a standard query is null: it deserves no answer, or a refusal by `refuse`.
 */
export const readQuery = (bytes: Buffer): Query | null => {
  if (bytes.length < headerBytes || (bytes.readUInt16BE(2) & flagResponse) !== 0) return null;
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return null;
  }
  const question = packet.questions?.[0];
  if (packet.opcode !== "QUERY" || packet.questions?.length !== 1 || question === undefined) return null;
  const size = packet.additionals?.find(({ type }) => type === "OPT")?.udpPayloadSize ?? plainUdpBytes;
  return {
    id: bytes.readUInt16BE(0),
    flags: bytes.readUInt16BE(2),
    question,
    bytes,
    maxBytes: Math.min(Math.max(size, plainUdpBytes), maxUdpBytes),
  };
};

/** The bytes of an answer; over UDP, one that is too long says so and is empty, and the client asks over TCP. */
export const writeAnswer = (query: Query, answer: LocalAnswer, maxBytes: number): Buffer => {
  const { name } = query.question;
  const flags = (query.flags & flagRecursionDesired) | flagRecursionAvailable | answer.rcode;
  const packet = (answers: LocalAnswer["answers"], more: number): Buffer =>
    encode({
      id: query.id,
      type: "response",
      flags: flags | more,
      questions: [query.question],
      answers: answers.map(({ type, data }) => ({ name, type, ttl: ttlSeconds, class: "IN", data })),
    });
  const whole = packet(answer.answers, 0);
  return whole.length <= maxBytes ? whole : packet([], flagTruncated);
};

/** A refusal of a message that is no good query; null when not even its header can be answered. */
export const refuse = (bytes: Buffer): Buffer | null => {
  if (bytes.length < headerBytes || (bytes.readUInt16BE(2) & flagResponse) !== 0) return null;
  const answer = Buffer.alloc(headerBytes);
  bytes.copy(answer, 0, 0, 2);
  answer.writeUInt16BE(flagResponse | flagRecursionAvailable | rcodes.formatError, 2);
  return answer;
};

/** True when `answer` is one to `query`: same id, same question. */
export const isAnswerTo = (query: Query, id: number, answer: Buffer): boolean => {
  if (answer.length < headerBytes || answer.readUInt16BE(0) !== id) return false;
  if ((answer.readUInt16BE(2) & flagResponse) === 0) return false;
  try {
    const [question] = decode(answer).questions ?? [];
    return (
      question !== undefined &&
      question.type === query.question.type &&
      question.name.toLowerCase() === query.question.name.toLowerCase()
    );
  } catch {
    return false;
  }
};

export const rcodeOf = (answer: Buffer): number => answer.readUInt16BE(2) & 0xf;
export const isTruncated = (answer: Buffer): boolean => (answer.readUInt16BE(2) & flagTruncated) !== 0;

/** The same message under another id. */
export const withId = (bytes: Buffer, id: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
};
