import { blockBytes } from "./entry.ts";
import type { ByteString, Entry, EntryType, Fragment } from "./entry.ts";
import { TarError, unexpectedEnd } from "./error.ts";
import { decodeHeader, isZero } from "./header.ts";
import type { Header } from "./header.ts";
import { decimal, decodePax, timestampNs } from "./pax.ts";
import type { PaxRecords } from "./pax.ts";
import type { ByteSource } from "./source.ts";
import { checkFragments, oldGnuSparse, paxSparse } from "./sparse.ts";

/** Most bytes of one PAX header or GNU long name. */
const metaBytesMax = 1 << 20;

/** Hears every byte of the archive that is not a file's content, in order. The bytes are valid during the call only. */
export type OnRaw = (bytes: Buffer) => void;

/** What PAX headers and GNU long names say about the member that follows them. */
interface Meta {
  records: PaxRecords;
  name: ByteString | null;
  linkName: ByteString | null;
}

const types: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/**
 * Reads an archive member by member, synchronously. Reads ustar, v7, star, GNU and PAX as Go's archive/tar does, so
 * that no two engines see two different things in one layer.
 */
export class TarReader {
  readonly #source: ByteSource;
  readonly #onRaw: OnRaw;
  /** Bytes of the current member's content that have not been read, and the padding after them. */
  #contentBytes = 0;
  #paddingBytes = 0;

  constructor(source: ByteSource, onRaw: OnRaw = () => {}) {
    this.#source = source;
    this.#onRaw = onRaw;
  }

  /**
   * The next member; null at the end of the archive, once everything after it has been read too.
   *
   * @throws TarError when the archive is malformed or ends too early.
   */
  next(): Entry | null {
    this.#finishMember();
    const meta: Meta = { records: [], name: null, linkName: null };
    for (;;) {
      const block = this.#source.take(blockBytes);
      if (block === null || isZero(block)) {
        if (block !== null) this.#readEnd(block);
        return null;
      }
      const header = decodeHeader(block);
      this.#onRaw(block);
      if (!this.#readMeta(header, meta)) return this.#member(header, meta, block);
    }
  }

  /** The current member's content in pieces that are valid until the next call; null when there is no more. */
  content(most = Number.MAX_SAFE_INTEGER): Buffer | null {
    if (this.#contentBytes === 0) return null;
    const piece = this.#source.takeSome(Math.min(most, this.#contentBytes));
    if (piece === null) throw unexpectedEnd();
    this.#contentBytes -= piece.length;
    return piece;
  }

  #finishMember(): void {
    for (let piece = this.content(); piece !== null; piece = this.content()) this.#onRaw(piece);
    // The last member's padding may be missing when the archive has no end.
    for (; this.#paddingBytes > 0;) {
      const padding = this.#source.takeSome(this.#paddingBytes);
      if (padding === null) break;
      this.#onRaw(padding);
      this.#paddingBytes -= padding.length;
    }
    this.#paddingBytes = 0;
  }

  /** Two blocks of zeros end an archive; whatever follows them is kept, not interpreted. */
  #readEnd(first: Buffer): void {
    this.#onRaw(first);
    const second = this.#source.takeSome(blockBytes);
    if (second !== null && second.some((byte) => byte !== 0)) throw new TarError("invalid tar header");
    for (let piece = second; piece !== null; piece = this.#source.takeSome(metaBytesMax)) this.#onRaw(piece);
  }

  #readMeta(header: Header, meta: Meta): boolean {
    switch (header.typeflag) {
      case "x":
        meta.records = decodePax(this.#metaContent(header.size));
        return true;
      case "g":
        this.#metaContent(header.size);
        return true;
      case "L":
        meta.name = untilNul(this.#metaContent(header.size));
        return true;
      case "K":
        meta.linkName = untilNul(this.#metaContent(header.size));
        return true;
      default:
        return false;
    }
  }

  #metaContent(sizeBytes: number): Buffer {
    if (sizeBytes < 0 || sizeBytes > metaBytesMax) throw new TarError("tar header field too long");
    const content = Buffer.allocUnsafe(sizeBytes);
    for (let offset = 0; offset < sizeBytes;) {
      const piece = this.#source.takeSome(sizeBytes - offset);
      if (piece === null) throw unexpectedEnd();
      piece.copy(content, offset);
      offset += piece.length;
    }
    this.#onRaw(content);
    this.#paddingBytes = paddingOf(sizeBytes);
    this.#finishMember();
    return content;
  }

  #member(header: Header, meta: Meta, block: Buffer): Entry {
    const type = types[header.typeflag];
    if (type === undefined) throw new TarError(`unhandled tar header type ${header.typeflag.charCodeAt(0)}`);
    // The old sparse map is in the header block, which the next read overwrites.
    const oldSparse = header.typeflag === "S" ? oldGnuSparse(Buffer.from(block), () => this.#mapBlock()) : null;
    const entry = entryOf(header, type);
    applyRecords(entry, meta.records);
    entry.name = meta.name ?? entry.name;
    entry.linkName = meta.linkName ?? entry.linkName;
    if (header.typeflag === "\0" && entry.name.endsWith("/")) entry.type = "directory";
    if (entry.sizeBytes < 0) throw new TarError("invalid tar header");
    if (entry.type !== "file") entry.sizeBytes = 0;
    this.#contentBytes = entry.sizeBytes;
    this.#paddingBytes = paddingOf(entry.sizeBytes);
    if (entry.type === "file") this.#applySparse(entry, oldSparse ?? paxSparse(meta.records, () => this.#dataBlock()));
    return entry;
  }

  #applySparse(
    entry: Entry,
    sparse: { fragments: Fragment[]; sizeBytes: number | null; name?: ByteString | null } | null,
  ): void {
    if (sparse === null) return;
    entry.name = sparse.name ?? entry.name;
    entry.sizeBytes = sparse.sizeBytes ?? entry.sizeBytes;
    entry.fragments = sparse.fragments;
    checkFragments(sparse.fragments, entry.sizeBytes, this.#contentBytes);
  }

  /** A block of the old sparse format's map: it comes between header and content and is not counted in the size. */
  #mapBlock(): Buffer {
    const block = this.#source.take(blockBytes);
    if (block === null) throw unexpectedEnd();
    this.#onRaw(block);
    return block;
  }

  /** A block of a map in front of the data: counted in the size. */
  #dataBlock(): Buffer {
    if (this.#contentBytes < blockBytes) throw new TarError("invalid tar header");
    this.#contentBytes -= blockBytes;
    return this.#mapBlock();
  }
}

const paddingOf = (sizeBytes: number): number => (blockBytes - (sizeBytes % blockBytes)) % blockBytes;

const untilNul = (bytes: Buffer): ByteString => {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
};

const entryOf = (header: Header, type: EntryType): Entry => ({
  type,
  name: header.name,
  linkName: header.linkName,
  mode: header.mode & 0o7777,
  uid: header.uid,
  gid: header.gid,
  sizeBytes: header.size,
  mtimeNs: BigInt(header.mtimeSeconds) * 1_000_000_000n,
  major: header.major,
  minor: header.minor,
  xattrs: noXattrs,
  fragments: null,
});

const noXattrs: ReadonlyMap<ByteString, Buffer> = new Map();
const xattrPrefix = "SCHILY.xattr.";

const applyRecords = (entry: Entry, records: PaxRecords): void => {
  let xattrs: Map<ByteString, Buffer> | null = null;
  for (const [key, value] of records) {
    if (value === "" && !key.startsWith(xattrPrefix)) continue;
    if (key === "path") entry.name = value;
    else if (key === "linkpath") entry.linkName = value;
    else if (key === "size") entry.sizeBytes = decimal(value);
    else if (key === "uid") entry.uid = decimal(value);
    else if (key === "gid") entry.gid = decimal(value);
    else if (key === "mtime") entry.mtimeNs = timestampNs(value);
    else if (key.startsWith(xattrPrefix)) {
      xattrs ??= new Map();
      xattrs.set(key.slice(xattrPrefix.length), Buffer.from(value, "latin1"));
      entry.xattrs = xattrs;
    }
  }
};
