/** A small tar writer and reader for tests: ustar headers, deterministic, whole archives in memory. */

export interface TarEntry {
  name: string;
  /** Tar's own letter: 0 file, 1 hard link, 2 symbolic link, 5 directory … */
  type?: "0" | "1" | "2" | "3" | "4" | "5" | "6";
  mode?: number;
  uid?: number;
  gid?: number;
  /** Seconds since the epoch. */
  mtime?: number;
  linkname?: string;
  content?: Uint8Array | string;
}

const blockBytes = 512;

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;

const header = (entry: TarEntry, sizeBytes: number): Buffer => {
  const block = Buffer.alloc(blockBytes);
  let name = entry.name;
  let prefix = "";
  if (Buffer.byteLength(name) > 100) {
    const cut = name.indexOf("/", name.length - 100);
    prefix = name.slice(0, cut);
    name = name.slice(cut + 1);
  }
  block.write(name, 0);
  block.write(octal(entry.mode ?? (entry.type === "5" ? 0o755 : 0o644), 8), 100);
  block.write(octal(entry.uid ?? 0, 8), 108);
  block.write(octal(entry.gid ?? 0, 8), 116);
  block.write(octal(sizeBytes, 12), 124);
  block.write(octal(entry.mtime ?? 1_700_000_000, 12), 136);
  block.write("        ", 148);
  block.write(entry.type ?? "0", 156);
  block.write(entry.linkname ?? "", 157);
  block.write("ustar\0" + "00", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
};

/** The bytes of a tar archive with these entries, in this order. */
export const writeTar = (entries: TarEntry[]): Buffer => {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? "");
    parts.push(header(entry, content.length), content, Buffer.alloc(-content.length & (blockBytes - 1)));
  }
  parts.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(parts);
};

const text = (block: Buffer, start: number, length: number): string => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
};

const paxRecords = (content: Buffer): Record<string, string> => {
  const records: Record<string, string> = {};
  for (let offset = 0; offset < content.length;) {
    const space = content.indexOf(0x20, offset);
    const length = Number(content.toString("latin1", offset, space));
    if (!Number.isInteger(length) || length <= 0) break;
    const record = content.toString("utf8", space + 1, offset + length - 1);
    records[record.slice(0, record.indexOf("="))] = record.slice(record.indexOf("=") + 1);
    offset += length;
  }
  return records;
};

/** The entries of a tar archive; PAX names and links are applied, PAX headers themselves are not returned. */
export const readTar = (tar: Buffer): Required<TarEntry>[] => {
  const entries: Required<TarEntry>[] = [];
  let pax: Record<string, string> = {};
  for (let offset = 0; offset + blockBytes <= tar.length;) {
    const block = tar.subarray(offset, offset + blockBytes);
    if (block[0] === 0) break;
    const number = (start: number, length: number) => Number.parseInt(text(block, start, length).trim() || "0", 8);
    const sizeBytes = Number(pax["size"] ?? number(124, 12));
    const content = tar.subarray(offset + blockBytes, offset + blockBytes + sizeBytes);
    offset += blockBytes + Math.ceil(sizeBytes / blockBytes) * blockBytes;
    const letter = text(block, 156, 1) || "0";
    if (letter === "x") {
      pax = paxRecords(content);
      continue;
    }
    if (letter === "g") continue;
    const prefix = text(block, 257, 5) === "ustar" ? text(block, 345, 155) : "";
    entries.push({
      name: pax["path"] ?? (prefix ? `${prefix}/` : "") + text(block, 0, 100),
      type: letter as NonNullable<TarEntry["type"]>,
      mode: number(100, 8),
      uid: number(108, 8),
      gid: number(116, 8),
      mtime: number(136, 12),
      linkname: pax["linkpath"] ?? text(block, 157, 100),
      content,
    });
    pax = {};
  }
  return entries;
};
