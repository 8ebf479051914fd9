import { blockBytes } from "./entry.ts";
import type { ByteString } from "./entry.ts";
import { TarError } from "./error.ts";

/** The fields of one 512-byte header, before PAX records and GNU long names are applied. */
export interface Header {
  typeflag: string;
  name: ByteString;
  linkName: ByteString;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtimeSeconds: number;
  major: number;
  minor: number;
  format: "v7" | "ustar" | "star" | "gnu";
}

/** True when a block holds nothing but zeros, as the two at the end of an archive. */
export const isZero = (block: Buffer): boolean => zeros.equals(block);
const zeros = Buffer.alloc(blockBytes);

/**
 * Reads a header block.
 *
 * @throws TarError when its checksum or a number in it is wrong.
 * **Source:** POSIX.1-2017 pax, ustar interchange format; GNU tar manual, "Basic Tar Format".
 */
export const decodeHeader = (block: Buffer): Header => {
  verifyChecksum(block);
  const format = formatOf(block);
  const hasDevice = format !== "v7";
  const prefix = format === "ustar" ? text(block, 345, 155) : format === "star" ? text(block, 345, 131) : "";
  const name = text(block, 0, 100);
  return {
    typeflag: String.fromCharCode(block[156] ?? 0),
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtimeSeconds: number(block, 136, 12),
    major: hasDevice ? number(block, 329, 8) : 0,
    minor: hasDevice ? number(block, 337, 8) : 0,
    format,
  };
};

const formatOf = (block: Buffer): Header["format"] => {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return block.toString("latin1", 508, 512) === "tar\0" ? "star" : "ustar";
};

/** Bytes up to the first NUL. */
export const text = (block: Buffer, offset: number, length: number): ByteString => {
  const end = block.indexOf(0, offset);
  return block.toString("latin1", offset, end === -1 || end > offset + length ? offset + length : end);
};

/** A number field: octal digits, or base 256 when its first bit is set. */
export const number = (block: Buffer, offset: number, length: number): number => {
  const first = block[offset] ?? 0;
  return (first & 0x80) === 0 ? octal(block, offset, length) : base256(block, offset, length);
};

const octal = (block: Buffer, offset: number, length: number): number => {
  let value = 0;
  let digits = 0;
  for (let index = offset; index < offset + length; index++) {
    const byte = block[index] ?? 0;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      digits++;
    } else if (byte === 0 && digits > 0) break;
    else if (byte !== 0 && byte !== 0x20) throw new TarError("invalid tar header");
  }
  return value;
};

const base256 = (block: Buffer, offset: number, length: number): number => {
  const negative = ((block[offset] ?? 0) & 0x40) !== 0;
  // The first byte carries the mark and the sign; bits that are pure sign extension are left out of the value.
  let value = negative ? (block[offset] ?? 0) - 256 : (block[offset] ?? 0) & 0x7f;
  for (let index = offset + 1; index < offset + length; index++) value = value * 256 + (block[index] ?? 0);
  if (!Number.isSafeInteger(value)) throw new TarError("invalid tar header");
  return value;
};

const verifyChecksum = (block: Buffer): void => {
  const unsigned = sumOf(block, 0, 148) + 8 * 0x20 + sumOf(block, 156, blockBytes);
  const stored = octal(block, 148, 8);
  if (stored === unsigned) return;
  // Old tars summed signed characters.
  let high = 0;
  for (let index = 0; index < blockBytes; index++) {
    if ((index < 148 || index >= 156) && (block[index] ?? 0) > 127) high++;
  }
  if (stored !== unsigned - 256 * high) throw new TarError("invalid tar header");
};

const sumOf = (block: Buffer, from: number, to: number): number => {
  let sum = 0;
  for (let index = from; index < to; index++) sum += block[index]!;
  return sum;
};
