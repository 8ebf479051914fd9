// A writer of tar streams for tests: any entry, any order, also what no tool would write.

export interface TarEntry {
  name: string;
  /** As in the header: "0" file, "1" hard link, "2" symlink, "3" and "4" devices, "5" directory, "6" FIFO. */
  type?: string;
  content?: Uint8Array | string;
  linkname?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Seconds since the epoch. */
  mtime?: number;
  devmajor?: number;
  devminor?: number;
  /** Records of a PAX header put before the entry. */
  pax?: Record<string, string>;
  /** The size that the header claims, when it is to differ from the content's. */
  claimedSize?: number;
}

const block = 512;
const padding = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);

const header = (entry: TarEntry, size: number, type: string): Buffer => {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  };
  bytes.write(entry.name.slice(0, 100), 0, "utf8");
  octal(entry.mode ?? (type === "5" ? 0o755 : 0o644), 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(entry.mtime ?? 1_700_000_000, 136, 12);
  bytes.write("        ", 148, "latin1");
  bytes.write(type, 156, "latin1");
  bytes.write((entry.linkname ?? "").slice(0, 100), 157, "utf8");
  bytes.write("ustar\x0000", 257, "latin1");
  octal(entry.devmajor ?? 0, 329, 8);
  octal(entry.devminor ?? 0, 337, 8);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
};

const paxRecord = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
};

/** The bytes of a tar with these entries, ended by two blocks of zeros. */
export const tar = (entries: readonly TarEntry[]): Buffer => {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    if (entry.pax !== undefined) {
      const records = Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value));
      const body = Buffer.from(records.join(""), "utf8");
      parts.push(header({ name: "PaxHeaders/x" }, body.length, "x"), body, padding(body.length));
    }
    const content = Buffer.from(entry.content ?? "");
    parts.push(header(entry, entry.claimedSize ?? content.length, entry.type ?? "0"), content, padding(content.length));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
};
