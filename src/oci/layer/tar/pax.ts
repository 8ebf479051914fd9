import type { ByteString } from "./entry.ts";
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

/** Nanoseconds of `1700000000.123456789`; digits past the nanosecond are dropped. @throws TarError */
export const timestampNs = (value: ByteString): bigint => {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw invalid();
  const ns = BigInt(match[2] ?? "") * billion + BigInt((match[3] ?? "").padEnd(9, "0").slice(0, 9));
  return match[1] === "" ? ns : -ns;
};

/** The time as a PAX record holds it. */
export const formatTimestamp = (ns: bigint): string => {
  const size = ns < 0n ? -ns : ns;
  const fraction = (size % billion).toString().padStart(9, "0").replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${size / billion}${fraction === "" ? "" : `.${fraction}`}`;
};

const billion = 1_000_000_000n;
