/** Tar counts in blocks. */
export const blockBytes = 512;

export type EntryType = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

/**
 * A byte string: one character (0–255) a byte. Names in archives are bytes, not text; kept this way they can be split,
 * compared and used as keys, and nothing is lost. `pathOf` makes of it what the file system calls take.
 */
export type ByteString = string;

/** A stretch of data of a sparse file. */
export interface Fragment {
  offset: number;
  length: number;
}

/** One member of an archive, long names and PAX records resolved. */
export interface Entry {
  type: EntryType;
  name: ByteString;
  /** Target of a hard or symbolic link, else "". */
  linkName: ByteString;
  /** The 12 permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Length of the file in bytes, holes included; 0 for what is no file. */
  sizeBytes: number;
  /** Time of last modification, nanoseconds since the epoch. */
  mtimeNs: bigint;
  major: number;
  minor: number;
  /** Extended attributes by their full name. */
  xattrs: ReadonlyMap<ByteString, Buffer>;
  /** Where a sparse file has data; null for a plain one. */
  fragments: Fragment[] | null;
}

const ascii = /^[ -~]*$/;

/** A byte string as the file system calls take it: text while it is ASCII, else its very bytes. */
export const pathOf = (name: ByteString): string | Buffer => (ascii.test(name) ? name : Buffer.from(name, "latin1"));

/** Text as the byte string of its UTF-8. */
export const byteString = (text: string | Uint8Array): ByteString => Buffer.from(text as string).toString("latin1");

/** A byte string for people: in a message, in JSON. */
export const textOf = (name: ByteString): string => Buffer.from(name, "latin1").toString();
