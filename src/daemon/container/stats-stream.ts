import { setTimeout as sleep } from "node:timers/promises";
import { invalidParameter } from "../../base/errors.ts";
import type { ContainerStatsResponse } from "../../wire/engine/container.ts";
import { emptyStats, statsOf } from "./stats.ts";
import type { Named, Sample } from "./stats.ts";

/** How often a stream brings a sample, and how far apart the two of a single answer are. */
const intervalMs = 1000;

/** What is sampled. */
export interface StatsSubject extends Named {
  /** A look at the container; null while it does not run. */
  sample: () => Sample | null;
  /** True once the container is removed: its streams end. */
  removed: () => boolean;
}

/**
 * `GET /containers/{id}/stats`. With `stream` one document a second until the container is removed or the signal is
 * aborted, zeros while it does not run; without, one that has both samples; with `oneShot`, one sample at once.
 *
 * @throws EngineError for `stream` with `oneShot`, before anything is yielded.
 */
export const stats = (
  subject: StatsSubject,
  { stream, oneShot, signal }: { stream: boolean; oneShot: boolean; signal: AbortSignal },
): AsyncGenerator<ContainerStatsResponse> => {
  if (stream && oneShot) throw invalidParameter("cannot have stream=true and one-shot=true");
  return stream ? streamed(subject, signal) : single(subject, oneShot, signal);
};

const single = async function* (
  subject: StatsSubject,
  oneShot: boolean,
  signal: AbortSignal,
): AsyncGenerator<ContainerStatsResponse> {
  const first = subject.sample();
  if (first === null) {
    yield emptyStats(subject);
  } else if (oneShot) {
    yield statsOf(null, first, null);
  } else if (await pause(signal)) {
    const second = subject.sample();
    yield second === null ? emptyStats(subject) : statsOf(subject, second, first);
  }
};

const streamed = async function* (subject: StatsSubject, signal: AbortSignal): AsyncGenerator<ContainerStatsResponse> {
  let before: Sample | null = null;
  do {
    const sample = subject.sample();
    yield sample === null ? emptyStats(subject) : statsOf(subject, sample, before);
    before = sample;
  } while ((await pause(signal)) && !subject.removed());
};

/** @returns false when the client has left. */
const pause = async (signal: AbortSignal): Promise<boolean> => {
  try {
    await sleep(intervalMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
};
