import type { ServerResponse } from "node:http";
import { describeError } from "./errors.ts";

/** How many bytes may wait for a slow client before lines that only count bytes are left out. */
const maxWaitingBytes = 1024 * 1024;

type Write = (body: unknown) => unknown;

/**
 * An answer of JSON objects, one a line, each sent at once: progress (`\r\n`) and events, stats (`\n`). Nothing is sent
 * before the first line or `open`, so an error before it still gets its own status; an error after it goes into the
 * stream.
 */
export class JsonLines {
  readonly #response: ServerResponse;
  readonly #begin: () => void;
  readonly #answer: Write;

  constructor(response: ServerResponse, begin: () => void, answer: Write) {
    this.#response = response;
    this.#begin = begin;
    this.#answer = answer;
  }

  /** True when the client is so slow that what can be left out should be. */
  get crowded(): boolean {
    return this.#response.writableLength > maxWaitingBytes;
  }

  get opened(): boolean {
    return this.#response.headersSent;
  }

  /** Sends the headers now. */
  open(): void {
    if (!this.#response.headersSent) this.#begin();
  }

  /** @returns false when the client is slower than the lines: wait for `drained`. */
  write(body: unknown, ending: "\n" | "\r\n" = "\n"): boolean {
    if (this.#response.destroyed) return true;
    this.open();
    return this.#response.write(escapeHtml(JSON.stringify(this.#answer(body))) + ending);
  }

  /** Resolves when the client has taken what was written, or has left. */
  async drained(): Promise<void> {
    const response = this.#response;
    if (!response.writableNeedDrain || response.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.once("drain", done).once("close", done);
    });
  }

  end(): void {
    this.open();
    this.#response.end();
  }

  /** Ends with an error inside the stream, as clients of progress streams expect it. */
  fail(error: unknown): void {
    const { status, message } = describeError(error);
    const errorDetail = status === 401 ? { code: 401, message } : { message };
    this.write({ errorDetail, error: message }, "\r\n");
    this.#response.end();
  }
}

const escapes: Record<string, string> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };

/** Go's encoder writes these three escaped in streams; strings that hold none are left alone. */
export const escapeHtml = (json: string): string =>
  /[<>&]/.test(json) ? json.replace(/[<>&]/g, (character) => escapes[character] ?? character) : json;
