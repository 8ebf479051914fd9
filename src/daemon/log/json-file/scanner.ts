import { detailsOf, parseRecord } from "./record.ts";
import type { LogRecord } from "./record.ts";
import { unescapeText } from "./unescape.ts";

/** What a client wants of a log. */
export interface Selection {
  stdout: boolean;
  stderr: boolean;
  timestamps: boolean;
  details: boolean;
  /** Each record in a frame of its own (8 bytes: stream, length); the bare bytes of a terminal without. */
  framed: boolean;
  /** Records before the one and after the other are left out; UTC text as in `LogRecord.time`. */
  since: string | null;
  until: string | null;
}

/**
 * What stands between the text and the time of a record: `","stream":"stdout","attrs":{…},"time":"`. It is the same
 * for thousands of records in a row, so what follows from it is worked out once.
 */
interface Middle {
  bytes: Buffer;
  /** `bytes` in units of four, for comparing. */
  words: Int32Array;
  stream: 1 | 2;
  wanted: boolean;
  details: Buffer;
  /** The time last met with it, as written, and what follows from that. */
  time: Buffer;
  included: boolean;
  after: boolean;
  prefix: Buffer;
}

const start = Buffer.from('{"log":"');
const streamMark = Buffer.from('","stream":"');
const timeMark = Buffer.from(',"time":"');
const [quote, backslash, newline, letterN] = [0x22, 0x5c, 0x0a, 0x6e];
const headerBytes = 8;
/** "2026-01-02T03:04:05Z" to "2026-01-02T03:04:05.123456789Z". */
const minTimeBytes = 20;
const maxTimeBytes = 30;
const none = Buffer.alloc(0);

/**
 * Turns lines of a log file into what the client reads. Records in the very layout of Berth's shim are taken apart as
 * bytes, about 100 ns each (JSON.parse of a record costs 1.5 µs); any other is parsed and means the same.
 */
export class RecordScanner {
  /** Records still to be left out, wanted or not: those before `--tail`. */
  skip = 0;
  /** A record later than `until` was met: nothing behind it is wanted. */
  finished = false;
  readonly #selection: Selection;
  readonly #needsTime: boolean;
  readonly #allocate: (leastBytes: number) => Buffer;
  #middles: Middle[] = [];
  #output: Buffer = none;
  #view: DataView = new DataView(none.buffer);
  #used = 0;
  #full: Buffer[] = [];
  #scratch: Buffer = none;

  /** @param allocate makes the buffers of the output; a finished one is handed on and never touched again. */
  constructor(selection: Selection, allocate: (leastBytes: number) => Buffer = (size) => Buffer.allocUnsafeSlow(size)) {
    this.#selection = selection;
    this.#allocate = allocate;
    this.#needsTime = selection.timestamps || selection.since !== null || selection.until !== null;
  }

  /** @param lines whole lines, the last with its newline; overwritten. @returns the output, in order. */
  scan(lines: Buffer): Buffer[] {
    this.#setOutput(lines.length);
    let at = 0;
    while (at < lines.length && !this.finished) {
      at = this.#scanKnown(lines, at);
      if (at < lines.length && !this.finished) at = this.#scanAny(lines, at);
    }
    this.#flush();
    this.#output = none;
    return this.#full.splice(0);
  }

  /** Lets go of memory that only more input needs. */
  rest(): void {
    this.#scratch = none;
  }

  /** Takes records of the known layout from `at` on. @returns where the first other one starts. */
  #scanKnown(lines: Buffer, from: number): number {
    let at = from;
    let escape = -1;
    let middle = this.#middles[0];
    if (middle === undefined) return at;
    const view = new DataView(lines.buffer, lines.byteOffset, lines.length);
    while (at < lines.length && !this.finished) {
      if (lines[at] !== start[0] || lines[at + 2] !== start[2] || lines[at + 7] !== quote) return at;
      const text = at + start.length;
      if (escape < text && (escape = lines.indexOf(backslash, text)) === -1) escape = lines.length;
      let end = lines.indexOf(quote, text);
      if (end === -1) return at;
      // A line without escapes but that of its newline is copied as it is, and the newline put where its escape began.
      const plain = escape > end || (escape === end - 2 && lines[escape + 1] === letterN);
      let decoded = 0;
      if (!plain) {
        if (this.#scratch.length < lines.length) this.#scratch = Buffer.allocUnsafeSlow(lines.length);
        const result = unescapeText(lines, text, this.#scratch);
        if (result === null) return at;
        ({ end, length: decoded } = result);
      }
      if (!startsWithWords(view, end, middle)) {
        const other = this.#middles.find((each) => startsWithWords(view, end, each));
        if (other === undefined) return at;
        this.#middles = [other, ...this.#middles.filter((each) => each !== other)];
        middle = other;
      }
      const time = end + middle.bytes.length;
      const timeEnd = endOfTime(lines, time, middle.time.length);
      if (timeEnd === -1) return at;
      if (this.#needsTime && !(timeEnd - time === middle.time.length && startsWith(lines, time, middle.time)))
        this.#setTime(middle, lines.subarray(time, timeEnd));
      at = timeEnd + 3;
      if (this.skip > 0) this.skip--;
      else if (middle.after) this.finished = true;
      else if (middle.included && !plain) this.#emit(middle, this.#scratch, 0, decoded);
      else if (middle.included) {
        if (escape < end) lines[escape] = newline;
        this.#emit(middle, lines, text, escape < end ? escape + 1 : end);
      }
    }
    return at;
  }

  /** Takes the one line at `at` by parsing it, and learns its layout. @returns where the next line starts. */
  #scanAny(lines: Buffer, at: number): number {
    const end = lines.indexOf(newline, at);
    const line = lines.subarray(at, end === -1 ? lines.length : end);
    const record = parseRecord(line);
    if (record !== null) this.#take(record, line);
    return at + line.length + 1;
  }

  #take(record: LogRecord, line: Buffer): void {
    const from = line.indexOf(streamMark);
    const to = line.lastIndexOf(timeMark) + timeMark.length;
    const bytes = Buffer.from(line.subarray(from, to));
    const middle: Middle = {
      bytes,
      words: wordsOf(bytes),
      stream: record.stream === "stdout" ? 1 : 2,
      wanted: this.#selection[record.stream],
      details: Buffer.from(this.#selection.details ? `${detailsOf(record.attrs)} ` : ""),
      time: none,
      included: true,
      after: false,
      prefix: none,
    };
    this.#setTime(middle, Buffer.from(record.time));
    if (this.skip > 0) this.skip--;
    else if (middle.after) this.finished = true;
    else if (middle.included) this.#emit(middle, record.line, 0, record.line.length);
    // A record with `raw` is not learned: its text is not what the container wrote.
    const known = from !== -1 && to > from && !middle.bytes.includes(',"raw":"') && !middle.bytes.includes("\n");
    if (!known || this.#middles.some(({ bytes }) => bytes.equals(middle.bytes))) return;
    this.#middles = [middle, ...this.#middles.slice(0, 1)];
  }

  #setTime(middle: Middle, written: Buffer): void {
    const { since, until, timestamps } = this.#selection;
    middle.time = Buffer.from(written);
    const text = written.toString("latin1", 0, written.length - 1);
    const time = text.length > 19 ? `${text.padEnd(29, "0")}Z` : `${text}.000000000Z`;
    middle.after = until !== null && time > until;
    middle.included = middle.wanted && (since === null || time >= since);
    middle.prefix = Buffer.concat([Buffer.from(timestamps ? `${time} ` : ""), middle.details]);
  }

  #emit(middle: Middle, source: Buffer, from: number, to: number): void {
    const header = this.#selection.framed ? headerBytes : 0;
    const { prefix } = middle;
    const size = prefix.length + to - from;
    if (this.#used + header + size > this.#output.length) {
      this.#flush();
      this.#setOutput(Math.max(this.#output.length, header + size));
    }
    const output = this.#output;
    let at = this.#used;
    if (header !== 0) {
      this.#view.setUint32(at, middle.stream << 24);
      this.#view.setUint32(at + 4, size);
      at += headerBytes;
    }
    if (prefix.length > 0) at += prefix.copy(output, at);
    source.copy(output, at, from, to);
    this.#used = at + to - from;
  }

  #setOutput(least: number): void {
    this.#output = this.#allocate(least);
    this.#view = new DataView(this.#output.buffer, this.#output.byteOffset, this.#output.length);
  }

  #flush(): void {
    if (this.#used > 0) this.#full.push(this.#output.subarray(0, this.#used));
    this.#used = 0;
  }
}

const startsWith = (bytes: Buffer, at: number, wanted: Buffer): boolean => {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
};

const wordsOf = (bytes: Buffer): Int32Array =>
  Int32Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readInt32BE(index * 4));

/** `startsWith` of a middle, four bytes at a time: three times as fast. */
const startsWithWords = (view: DataView, at: number, { bytes, words }: Middle): boolean => {
  if (at + bytes.length > view.byteLength) return false;
  for (let i = 0; i < words.length; i++) if (view.getInt32(at + i * 4) !== words[i]) return false;
  for (let i = words.length * 4; i < bytes.length; i++) if (view.getUint8(at + i) !== bytes[i]) return false;
  return true;
};

/** Where the closing quote of the time at `from` is, when the record ends right behind it; -1 otherwise. */
const endOfTime = (lines: Buffer, from: number, usual: number): number => {
  let end = from + usual;
  if (usual < minTimeBytes || lines[end] !== quote || lines[end - 1] !== 0x5a) {
    end = from + minTimeBytes;
    while (lines[end] !== quote) if (++end > from + maxTimeBytes) return -1;
  }
  const closed =
    lines[end - 1] === 0x5a && lines[from + 10] === 0x54 && lines[end + 1] === 0x7d && lines[end + 2] === newline;
  return closed ? end : -1;
};
