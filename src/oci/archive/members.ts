import { TarError, unexpectedEnd } from "../layer/tar/error.ts";
import { blockBytes, textOf } from "../layer/tar/entry.ts";
import type { ByteString } from "../layer/tar/entry.ts";
import { decodeHeader, isZero } from "../layer/tar/header.ts";
import { decimal, decodePax } from "../layer/tar/pax.ts";

/** Most bytes of one PAX header or GNU long name, and most members of one archive. */
const metaBytesMax = 1 << 20;
const membersMax = 1 << 17;

/** A member of an archive of images: a file with its content, a link, or something else that has no meaning there. */
export interface Member {
  type: "file" | "hardlink" | "symlink" | "other";
  name: string;
  linkName: string;
  sizeBytes: number;
  /** The content, to be read at most once; what is not read of it is skipped when the next member is asked for. */
  content: AsyncIterable<Buffer>;
}

const types: Readonly<Record<string, Member["type"]>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
};

/** Takes pieces of a stream. */
class Window {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Up to `most` of the next bytes; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Exactly the next `length` bytes; undefined at a clean end. */
  async exactly(length: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let left = length; left > 0;) {
      const piece = await this.some(left);
      if (piece === undefined) {
        if (left === length) return undefined;
        throw unexpectedEnd();
      }
      pieces.push(piece);
      left -= piece.length;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** The bytes of one member, and after them its padding. */
class Content implements AsyncIterable<Buffer> {
  readonly #window: Window;
  readonly #paddingBytes: number;
  #leftBytes: number;

  constructor(window: Window, sizeBytes: number) {
    this.#window = window;
    this.#leftBytes = sizeBytes;
    this.#paddingBytes = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  }

  async #take(): Promise<Buffer | undefined> {
    if (this.#leftBytes === 0) return undefined;
    const piece = await this.#window.some(this.#leftBytes);
    if (piece === undefined) throw unexpectedEnd();
    this.#leftBytes -= piece.length;
    return piece;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let piece = await this.#take(); piece !== undefined; piece = await this.#take()) yield piece;
  }

  /** Goes to the header that follows. */
  async finish(): Promise<void> {
    while ((await this.#take()) !== undefined);
    await this.#window.exactly(this.#paddingBytes);
  }
}

/**
 * Reads an uncompressed archive member by member without blocking: for archives of images, whose members are few and
 * large. Layers have `TarReader`.
 *
 * @throws TarError when the archive is malformed, cut off, or beyond a limit.
 */
export async function* readMembers(source: AsyncIterable<Buffer>): AsyncGenerator<Member> {
  const window = new Window(source);
  try {
    for (let count = 0; ; count++) {
      if (count > membersMax) throw new TarError(`archive has more than ${membersMax} members`);
      const found = await nextMember(window);
      if (found === undefined) break;
      yield found.member;
      await found.content.finish();
    }
    // What comes after the end is the sender's to send and ours to ignore.
    while ((await window.some(metaBytesMax)) !== undefined);
  } finally {
    await window.close();
  }
}

const nextMember = async (window: Window): Promise<{ member: Member; content: Content } | undefined> => {
  const meta: { name?: ByteString; linkName?: ByteString; size?: number } = {};
  for (;;) {
    const block = await window.exactly(blockBytes);
    if (block === undefined || isZero(block)) return undefined;
    const header = decodeHeader(block);
    if (header.size < 0) throw new TarError("invalid tar header");
    if ("xgLK".includes(header.typeflag)) {
      await readMeta(window, header.typeflag, header.size, meta);
      continue;
    }
    const name = textOf(meta.name ?? header.name);
    const isDirectory = header.typeflag === "5" || name.endsWith("/");
    const type = isDirectory ? "other" : (types[header.typeflag] ?? "other");
    const sizeBytes = type === "hardlink" || type === "symlink" ? 0 : (meta.size ?? header.size);
    const content = new Content(window, sizeBytes);
    return { member: { type, name, linkName: textOf(meta.linkName ?? header.linkName), sizeBytes, content }, content };
  }
};

const readMeta = async (
  window: Window,
  typeflag: string,
  sizeBytes: number,
  meta: { name?: ByteString; linkName?: ByteString; size?: number },
): Promise<void> => {
  if (sizeBytes > metaBytesMax) throw new TarError("tar header field too long");
  const bytes = (await window.exactly(sizeBytes)) ?? Buffer.alloc(0);
  if (bytes.length !== sizeBytes) throw unexpectedEnd();
  await window.exactly((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
  if (typeflag === "L") meta.name = untilNul(bytes);
  if (typeflag === "K") meta.linkName = untilNul(bytes);
  if (typeflag !== "x") return;
  for (const [key, value] of decodePax(bytes)) {
    if (key === "path") meta.name = value;
    if (key === "linkpath") meta.linkName = value;
    if (key === "size") meta.size = decimal(value);
  }
};

const untilNul = (bytes: Buffer): ByteString => {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
};
