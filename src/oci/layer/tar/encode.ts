import { blockBytes } from "./entry.ts";
import type { ByteString, Entry, EntryType } from "./entry.ts";
import { encodePax, formatTimestamp } from "./pax.ts";

const typeflags: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** Largest numbers that the octal fields of 8 and 12 bytes hold. */
const octal8Max = 0o7777777;
const octal12Max = 0o77777777777;
const plain = /^[ -~]*$/;

/**
 * The blocks in front of a member's content: a ustar header, and a PAX header before it when the member needs one.
 *
 * **Source:** POSIX.1-2017 pax.
 */
export const encodeEntry = (entry: Entry): Buffer => {
  const records = paxRecords(entry);
  const header = encodeHeader(entry);
  if (records === "") return header;
  const content = Buffer.alloc(padded(records.length));
  content.write(records, "latin1");
  const base = entry.name.replace(/\/+$/, "").split("/").at(-1) ?? "";
  const pax = encodeHeader({ ...paxEntry, name: `PaxHeaders.0/${base.slice(0, 80)}`, sizeBytes: records.length }, "x");
  return Buffer.concat([pax, content, header]);
};

/** Zeros after `sizeBytes` of content up to the next block. */
export const paddingOf = (sizeBytes: number): Buffer => zeros.subarray(0, padded(sizeBytes) - sizeBytes);

/** The end of an archive. */
export const endOfArchive = Buffer.alloc(2 * blockBytes);

const zeros = Buffer.alloc(blockBytes);
const padded = (sizeBytes: number): number => Math.ceil(sizeBytes / blockBytes) * blockBytes;

const paxEntry: Entry = {
  type: "file",
  name: "",
  linkName: "",
  mode: 0,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeNs: 0n,
  major: 0,
  minor: 0,
  xattrs: new Map(),
  fragments: null,
};

const secondsOf = (ns: bigint): number => Number((ns - (((ns % billion) + billion) % billion)) / billion);
const billion = 1_000_000_000n;

const paxRecords = (entry: Entry): ByteString => {
  let records = "";
  const add = (key: ByteString, value: ByteString): void => {
    records += encodePax(key, value);
  };
  if (splitName(entry.name) === null || !plain.test(entry.name)) add("path", entry.name);
  if (entry.linkName.length > 100 || !plain.test(entry.linkName)) add("linkpath", entry.linkName);
  if (entry.sizeBytes > octal12Max) add("size", String(entry.sizeBytes));
  if (entry.uid > octal8Max) add("uid", String(entry.uid));
  if (entry.gid > octal8Max) add("gid", String(entry.gid));
  const seconds = secondsOf(entry.mtimeNs);
  if (seconds < 0 || seconds > octal12Max || entry.mtimeNs % billion !== 0n)
    add("mtime", formatTimestamp(entry.mtimeNs));
  for (const [name, value] of entry.xattrs) add(`SCHILY.xattr.${name}`, value.toString("latin1"));
  return records;
};

/** Name and prefix of a ustar header; null when the name does not fit. */
const splitName = (name: ByteString): { name: ByteString; prefix: ByteString } | null => {
  if (name.length <= 100) return { name, prefix: "" };
  const slash = name.lastIndexOf("/", 155);
  const rest = name.slice(slash + 1);
  return slash <= 0 || rest.length > 100 || rest === "" ? null : { name: rest, prefix: name.slice(0, slash) };
};

const encodeHeader = (entry: Entry, typeflag: string = typeflags[entry.type]): Buffer => {
  const block = Buffer.alloc(blockBytes);
  const { name, prefix } = splitName(entry.name) ?? { name: entry.name.slice(0, 100), prefix: "" };
  block.write(name, 0, "latin1");
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, fitting(entry.uid, octal8Max));
  octal(block, 116, 8, fitting(entry.gid, octal8Max));
  octal(block, 124, 12, fitting(entry.sizeBytes, octal12Max));
  octal(block, 136, 12, fitting(secondsOf(entry.mtimeNs), octal12Max));
  block.write(typeflag, 156, "latin1");
  block.write(entry.linkName.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(block, 329, 8, fitting(entry.major, octal8Max));
  octal(block, 337, 8, fitting(entry.minor, octal8Max));
  block.write(prefix, 345, "latin1");
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
};

/** What does not fit is in a PAX record; the field holds 0. */
const fitting = (value: number, most: number): number => (value < 0 || value > most ? 0 : value);

const octal = (block: Buffer, offset: number, length: number, value: number): void => {
  block.write(value.toString(8).padStart(length - 1, "0"), offset, "latin1");
};
