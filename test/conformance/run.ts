import type { Prepared } from "./clean.ts";
import { send } from "./client.ts";
import { decodeBody } from "./decode.ts";
import { Normaliser, normaliseHeaders, shapeOf } from "./normalise.ts";
import type { Answer, Group, Step, Vars } from "./step.ts";

/** One case of a recording. */
export interface Result {
  name: string;
  status: number;
  statusText: string;
  headers: Record<string, unknown>;
  body: unknown;
  /** The stream was still open when we had read for as long as the step says. */
  open?: true;
}

const pollLimitMs = 10_000;
const pollPauseMs = 50;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((item, key) => (item as Record<string, unknown> | undefined)?.[key], value);

/** What the caller may do with each answer as it came (schema validation, say). */
export type Observer = (step: Step, answer: Answer) => void;

/** Runs the steps of one group in order and returns what their answers say, normalised. */
export class Runner {
  readonly #socketPath: string;
  readonly #vars: Vars;
  readonly #normaliser: Normaliser;
  readonly #observe: Observer;
  readonly #background = new Map<string, { step: Step; answer: Promise<Answer> }>();

  constructor({ socketPath, vars, rootDir }: Prepared, observe: Observer = () => {}) {
    this.#socketPath = socketPath;
    this.#vars = vars;
    this.#normaliser = new Normaliser(vars, rootDir);
    this.#observe = observe;
  }

  async run(group: Group): Promise<Result[]> {
    const results: Result[] = [];
    for (const step of group.steps) {
      const result = await this.step(step);
      if (result) results.push(result);
    }
    return results;
  }

  /** @returns the case to record; undefined for set-up steps and for requests that were only begun. */
  async step(step: Step): Promise<Result | undefined> {
    if (step.pauseMs !== undefined) {
      await sleep(step.pauseMs);
      return undefined;
    }
    if (step.background) {
      const answer = send(this.#socketPath, step, this.#vars);
      answer.catch(() => {});
      this.#background.set(step.background, { step, answer });
      await sleep(100);
      return undefined;
    }
    const answer = await this.#answer(step);
    const decoded = decodeBody(answer);
    for (const [name, path] of Object.entries(step.capture ?? {})) {
      const value = typeof path === "string" ? at(decoded, path) : path(answer);
      if (value === undefined && step.setup)
        throw new Error(
          `${step.name}: nothing at ${String(path)} in ${answer.status} ${answer.body.toString("utf8", 0, 500)}`,
        );
      this.#vars.set(name, typeof value === "string" ? value : "none");
    }
    if (step.setup) {
      if (answer.status >= 400)
        throw new Error(`setup ${step.name}: ${answer.status} ${answer.body.toString("utf8", 0, 500)}`);
      return undefined;
    }
    this.#observe(step, answer);
    return this.#result(step, answer, decoded);
  }

  async #answer(step: Step): Promise<Answer> {
    if (step.collect) {
      const begun = this.#background.get(step.collect);
      if (!begun) throw new Error(`${step.name}: nothing was begun under that name`);
      this.#background.delete(step.collect);
      return begun.answer;
    }
    const end = Date.now() + pollLimitMs;
    for (;;) {
      const answer = await send(this.#socketPath, step, this.#vars);
      if (!step.until || step.until(answer)) return answer;
      if (Date.now() > end)
        throw new Error(
          `${step.name}: not within ${pollLimitMs} ms; last ${answer.status} ${answer.body.toString("utf8", 0, 300)}`,
        );
      await sleep(pollPauseMs);
    }
  }

  #result(step: Step, answer: Answer, decoded: unknown): Result {
    const body = this.#normaliser.json(step.shape ? shapeOf(decoded) : decoded);
    return {
      name: step.name,
      status: answer.status,
      statusText: answer.statusText,
      headers: normaliseHeaders(answer.headers, this.#normaliser),
      body,
      ...(answer.ended ? {} : { open: true }),
    };
  }
}
