import type { ServerResponse } from "node:http";
import type { Trace } from "../../base/trace.ts";

/**
 * Tells what a traced call spent its time on: the header `Server-Timing` when the answer is not begun before the steps
 * are done, and a line for the log when all is over.
 * **Source:** W3C Server Timing.
 */
export class TraceReport {
  readonly #trace: Trace;
  readonly #what: string;
  readonly #log: ((line: string) => void) | undefined;

  constructor(trace: Trace, response: ServerResponse, what: string, log: ((line: string) => void) | undefined) {
    this.#trace = trace;
    this.#what = what;
    this.#log = log;
    const writeHead = response.writeHead.bind(response) as (status: number, headers: string[]) => ServerResponse;
    // The API writes all its headers as one flat list; the timing joins it at the last moment.
    response.writeHead = ((status: number, headers: string[] = []) =>
      writeHead(status, [...headers, "Server-Timing", this.#header()])) as ServerResponse["writeHead"];
  }

  done(): void {
    this.#log?.(`${this.#what} ${this.#header()}`);
  }

  #header(): string {
    const parts = this.#trace.steps().map(({ name, durationMs }) => `${token(name)};dur=${durationMs.toFixed(2)}`);
    return [...parts, `total;dur=${this.#trace.elapsedMs().toFixed(2)}`].join(", ");
  }
}

const token = (name: string): string => name.replace(/[^A-Za-z0-9_.-]+/g, "-");
