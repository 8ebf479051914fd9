// The stream of test/support/writer.c, and the proof that nothing of it is missing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { busyboxArchive } from "../support/busybox-image.ts";

const numberDigits = 10;
const headBytes = 20;

/** An image `writer:latest`: busybox with `/bin/writer`. */
export const writerArchive = (): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), "berth-writer-"));
  try {
    const program = join(folder, "writer");
    const source = join(import.meta.dirname, "../support/writer.c");
    execFileSync("/usr/bin/musl-gcc", ["-static", "-O2", "-o", program, source]);
    const layer = [{ name: "bin/writer", mode: 0o755, content: readFileSync(program) }];
    return busyboxArchive({ tags: ["writer:latest"], layers: [layer] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Checks the frames of `docker logs` as they come: each stream's lines in order, none missing, none twice, none damaged. */
export class StreamCheck {
  /** Whole lines seen so far, of stdout and stderr. */
  readonly lines = [0, 0];
  /** What each stream said its number of lines was, at its end. */
  readonly ends: (number | undefined)[] = [undefined, undefined];
  sizeBytes = 0;
  readonly #rest: Buffer[] = [Buffer.alloc(0), Buffer.alloc(0)];
  #pending: Buffer = Buffer.alloc(0);

  /** @throws Error at the first line that is not the next one */
  push(chunk: Buffer): void {
    const data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (at + 8 <= data.length) {
      const end = at + 8 + data.readUInt32BE(at + 4);
      if (end > data.length) break;
      this.#payload((data[at] ?? 0) - 1, data.subarray(at + 8, end));
      at = end;
    }
    this.#pending = data.subarray(at);
  }

  #payload(stream: number, payload: Buffer): void {
    this.sizeBytes += payload.length;
    const rest = this.#rest[stream];
    if (rest === undefined) throw new Error(`a frame of stream ${stream + 1}`);
    const data = rest.length === 0 ? payload : Buffer.concat([rest, payload]);
    let at = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, at)) {
      this.#line(stream, data.subarray(at, end));
      at = end + 1;
    }
    this.#rest[stream] = data.subarray(at);
  }

  #line(stream: number, line: Buffer): void {
    const head = line.toString("latin1", 0, headBytes);
    if (head.startsWith("end ")) {
      this.ends[stream] = Number(head.slice(4));
      return;
    }
    const expected = this.lines[stream] ?? 0;
    const sum = crc32(line.subarray(headBytes)).toString(16).padStart(8, "0");
    const right = `${String(expected).padStart(numberDigits, "0")} ${sum} `;
    if (head !== right) throw new Error(`stream ${stream + 1}: ${JSON.stringify(head)} where ${right} was due`);
    this.lines[stream] = expected + 1;
  }
}
