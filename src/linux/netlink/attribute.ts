/**
 * Netlink attributes: type, length, value, padded to four bytes. What cannot be read (cut short, wrong length) is
 * skipped, never guessed.
 *
 * **Source:** netlink(7), RFC 3549.
 */
const headerBytes = 4;
/** Bit of an attribute's type that says its value is made of attributes. */
const nestedFlag = 0x8000;
const typeMask = 0x3fff;

const aligned = (length: number): number => (length + 3) & ~3;

/** One attribute; numbers go by `u8` … `u32be`. */
export const attribute = (type: number, value: Uint8Array): Buffer => {
  const buffer = Buffer.alloc(aligned(headerBytes + value.length));
  buffer.writeUInt16LE(headerBytes + value.length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(value, headerBytes);
  return buffer;
};

/** An attribute made of attributes. */
export const nested = (type: number, ...parts: Uint8Array[]): Buffer =>
  attribute(type | nestedFlag, Buffer.concat(parts));

export const u8 = (value: number): Buffer => Buffer.from([value]);
export const u16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
};
export const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
};
export const u16be = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
export const u32be = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
};
/** A C string with its NUL. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** The attributes of a message or of a nested attribute, by type; of several with one type the last wins. */
export const attributes = (bytes: Buffer): Map<number, Buffer> => {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + headerBytes <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < headerBytes || at + length > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & typeMask, bytes.subarray(at + headerBytes, at + length));
    at += aligned(length);
  }
  return found;
};

/** The string in an attribute, without its NUL; "" when it is absent. */
export const readText = (value: Buffer | undefined): string => {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end === -1 ? value.length : end);
};

export const readU32 = (value: Buffer | undefined): number | undefined =>
  value === undefined || value.length < 4 ? undefined : value.readUInt32LE(0);
