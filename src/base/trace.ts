import { AsyncLocalStorage } from "node:async_hooks";

/** The steps of one call and when each ended, for `BERTH_TRACE=1` and the header `X-Berth-Trace: 1`. */
export class Trace {
  readonly #begin = performance.now();
  readonly #steps: { name: string; atMs: number }[] = [];

  mark(name: string): void {
    if (this.#steps.length < maxSteps) this.#steps.push({ name, atMs: performance.now() - this.#begin });
  }

  /** Each step with the milliseconds since the one before it ended, in order. */
  steps(): { name: string; durationMs: number }[] {
    let before = 0;
    return this.#steps.map(({ name, atMs }) => {
      const durationMs = atMs - before;
      before = atMs;
      return { name, durationMs };
    });
  }

  /** Milliseconds since the trace began. */
  elapsedMs(): number {
    return performance.now() - this.#begin;
  }
}

const maxSteps = 200;
const current = new AsyncLocalStorage<Trace>();

/** Runs `work`; `mark` calls below it, across awaits, belong to `trace`. */
export const withTrace = <T>(trace: Trace, work: () => T): T => current.run(trace, work);

/** States that a step of the current call has ended. Costs next to nothing when nothing is traced. */
export const mark = (name: string): void => current.getStore()?.mark(name);
