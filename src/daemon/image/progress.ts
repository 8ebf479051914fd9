import { humanSize } from "../../base/human.ts";
import type { ProgressMessage } from "../../wire/engine/progress.ts";

/** Hears what a long verb does. */
export type OnProgress = (message: ProgressMessage) => void;

const barWidth = 50;
const reportEveryMs = 100;

export { humanSize };

const bar = (current: number, total: number): string => {
  const sizes = `${humanSize(current).padStart(8)}`;
  if (total <= 0) return sizes;
  const filled = Math.min(Math.trunc(Math.trunc((current / total) * 100) / 2), barWidth);
  const box = `[${"=".repeat(filled)}>${" ".repeat(barWidth - filled)}] `;
  return box + (current > total ? sizes : `${sizes}/${humanSize(total)}`);
};

/** A status of one thing that may have a progress bar. */
export const statusOf = (id: string, status: string): ProgressMessage => ({ status, progressDetail: {}, id });

/** A status with a bar; `total` 0 when it is not known. */
export const countOf = (id: string, status: string, current: number, total: number): ProgressMessage => {
  if (current <= 0 && total <= 0) return statusOf(id, status);
  return {
    status,
    progressDetail: { ...(current > 0 ? { current } : {}), ...(total > 0 ? { total } : {}) },
    progress: bar(current, total),
    id,
  };
};

/**
 * Turns "so many bytes more" into bars, at most ten a second and one when the total is reached. Returns the function to
 * be called with each number of bytes.
 */
export const countBytes = (id: string, status: string, total: number, tell: OnProgress): ((bytes: number) => void) => {
  let current = 0;
  let reportedAt = -Infinity;
  return (bytes) => {
    current += bytes;
    const now = performance.now();
    if (now - reportedAt < reportEveryMs && current !== total) return;
    reportedAt = now;
    tell(countOf(id, status, current, total));
  };
};

/**
 * The bars of work that may tell how far it is (in bytes from the start), or only when it is done: one at the start,
 * one at the end, and what is told in between.
 */
export const barsOf = (
  id: string,
  status: string,
  total: number,
  tell: OnProgress,
): { onProgress: (bytes: number) => void; end: () => void } => {
  const count = countBytes(id, status, total, tell);
  let counted = 0;
  const onProgress = (bytes: number): void => {
    count(bytes - counted);
    counted = bytes;
  };
  onProgress(0);
  return { onProgress, end: () => (counted < total ? onProgress(total) : undefined) };
};
