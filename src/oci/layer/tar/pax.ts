import type { ByteString, Timestamp } from "./entry.ts";
import { TarError } from "./error.ts";

/** The records of one PAX header in order; a key may come twice (GNU.sparse.offset does). */
export type PaxRecords = [key: ByteString, value: ByteString][];

/**
 * Reads `length key=value\n` records.
 *
 * @throws TarError when a length is wrong.
 * **Source:** POSIX.1-2017 pax, extended header.
 */
export const decodePax = (bytes: Buffer): PaxRecords => {
  const records: PaxRecords = [];
  let offset = 0;
  while (offset < bytes.length) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space === -1 || space - offset > 10 ? "" : bytes.toString("latin1", offset, space);
    const end = offset + Number(digits);
    if (!/^[0-9]+$/.test(digits) || end <= space + 1 || end > bytes.length || bytes[end - 1] !== 0x0a) throw invalid();
    const equals = bytes.indexOf(0x3d, space + 1);
    if (equals <= space + 1 || equals >= end) throw invalid();
    const key = bytes.toString("latin1", space + 1, equals);
    const value = bytes.toString("latin1", equals + 1, end - 1);
    if (key.includes("\0") || (namesKey.test(key) && value.includes("\0"))) throw invalid();
    records.push([key, value]);
    offset = end;
  }
  return records;
};

const namesKey = /^(?:path|linkpath|uname|gname)$/;

const invalid = (): TarError => new TarError("invalid tar header");

/** One record with its own length in front. */
export const encodePax = (key: ByteString, value: ByteString): ByteString => {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (String(length).length !== String(rest.length).length) length = rest.length + String(length).length;
  return `${length}${rest}`;
};

/** A non-negative decimal integer that a number holds exactly. @throws TarError */
export const decimal = (value: ByteString): number => {
  const number = Number(value);
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(number)) throw invalid();
  return number;
};

/** `1700000000.123456789`; digits past the nanosecond are dropped. @throws TarError */
export const timestamp = (value: ByteString): Timestamp => {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw invalid();
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").padEnd(9, "0").slice(0, 9));
  if (match[1] === "") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
};

/** The time as a PAX record holds it. */
export const formatTimestamp = ({ seconds, nanoseconds }: Timestamp): string => {
  if (nanoseconds === 0) return String(seconds);
  const [whole, rest] = seconds < 0 ? [seconds + 1, 1_000_000_000 - nanoseconds] : [seconds, nanoseconds];
  const sign = seconds < 0 && whole === 0 ? "-" : "";
  return `${sign}${whole}.${String(rest).padStart(9, "0").replace(/0+$/, "")}`;
};
