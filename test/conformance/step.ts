/**
 * The table language of the differential test: requests as data. `<name>` in a path, a query or a body stands for a
 * value that an earlier step captured; normalised answers show the same `<name>`.
 */
export interface Step {
  /** What the case is called in the recording; unique within its group. */
  name: string;
  method: string;
  path: string;
  query?: Record<string, unknown>;
  headers?: Record<string, string>;
  /** Sent as JSON with its Content-Type. */
  json?: unknown;
  /** Sent as it is. */
  body?: string | Buffer | ((vars: Vars) => Buffer);
  /** Bytes for the socket instead of a request of our making; everything until the peer closes is the answer. */
  raw?: string;
  /** Variable name → key path in the answer's JSON (`Id`, `0.Id`), or a function of the answer. */
  capture?: Record<string, string | ((answer: Answer) => string)>;
  /** Asks for `Upgrade: tcp` and writes `input` to the raw socket; `close` half-closes it afterwards. */
  hijack?: { input?: string; close?: boolean; upgrade?: boolean };
  /** Starts the request and goes on; a later `collect` step takes its answer. */
  background?: string;
  collect?: string;
  /** Ends a stream after so many lines or frames. */
  lines?: number;
  /** Ends a stream after so many milliseconds. */
  readMs?: number;
  /** Repeats the request until the answer satisfies this (10 s at most). */
  until?: (answer: Answer) => boolean;
  /** Values are facts of the host or of chance: only key sets and types are recorded. */
  shape?: boolean;
  /** Not recorded, and must succeed. */
  setup?: boolean;
  /** A local action instead of a request. */
  pauseMs?: number;
}

export type Vars = Map<string, string>;

export interface Answer {
  status: number;
  statusText: string;
  headers: Record<string, string>;
  body: Buffer;
  /** True when the peer ended the stream, false when we did. */
  ended: boolean;
}

export interface Group {
  name: string;
  steps: Step[];
}

type Options = Partial<Omit<Step, "method" | "path" | "query" | "json">>;

export const make =
  (method: string) =>
  (path: string, query: Record<string, unknown> = {}, options: Options = {}): Step => {
    const step: Step = { name: "", method, path, ...options };
    if (Object.keys(query).length > 0) step.query = query;
    step.name = options.name ?? `${method} ${path}${queryText(query)}`;
    return step;
  };

const queryText = (query: Record<string, unknown>): string => {
  const pairs = Object.entries(query).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return pairs.length > 0 ? `?${pairs.join("&")}` : "";
};

export const get = make("GET");
export const head = make("HEAD");
export const del = make("DELETE");
export const put = make("PUT");

/** POST with a JSON body (`undefined`: no body). */
export const post = (
  path: string,
  json?: unknown,
  query: Record<string, unknown> = {},
  options: Options = {},
): Step => {
  const step = make("POST")(path, query, options);
  return json === undefined ? step : { ...step, json };
};

export const setup = (step: Step): Step => ({ ...step, setup: true });
export const pause = (pauseMs: number): Step => ({
  name: `pause ${pauseMs}`,
  method: "",
  path: "",
  pauseMs,
  setup: true,
});
export const collect = (name: string, options: Options = {}): Step => ({
  name: `answer of ${name}`,
  method: "",
  path: "",
  collect: name,
  ...options,
});

/** Names the steps of a group uniquely: a repeated request gets ` (2)`, ` (3)` … */
export const group = (name: string, steps: Step[]): Group => {
  const seen = new Map<string, number>();
  const named = steps.map((step) => {
    const count = (seen.get(step.name) ?? 0) + 1;
    seen.set(step.name, count);
    return count === 1 ? step : { ...step, name: `${step.name} (${count})` };
  });
  return { name, steps: named };
};
