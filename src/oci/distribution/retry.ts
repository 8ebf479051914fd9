import { setTimeout as sleep } from "node:timers/promises";
import { RegistryError, TransportError, UnexpectedAnswerError } from "./registry-error.ts";

/** How often a request is sent at most, and how long is waited between. */
export interface RetryPolicy {
  attempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}

export const defaultRetry: RetryPolicy = { attempts: 5, firstDelayMs: 250, maxDelayMs: 8_000 };

/** For whoever has another place to ask. */
export const once: RetryPolicy = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };

/** The longest that a server may make us wait by `Retry-After`. */
const maxRetryAfterMs = 60_000;

/** True for failures that another try may not meet: no connection, 408, 429 and 5xx. */
export const isTemporary = (error: unknown): boolean => {
  if (error instanceof TransportError) return error.temporary;
  if (error instanceof UnexpectedAnswerError) return error.status >= 500;
  return error instanceof RegistryError && (error.status === 429 || error.status === 408);
};

/** Milliseconds that a `Retry-After` header asks for, bounded; undefined when it says nothing. */
export const retryAfterMs = (header: string | undefined, nowMs: number): number | undefined => {
  if (header === undefined) return undefined;
  const asked = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(asked) ? undefined : Math.min(Math.max(asked, 0), maxRetryAfterMs);
};

/** How long to wait after the attempt of this number (from 1), doubling. */
export const backoffMs = (policy: RetryPolicy, attempt: number): number =>
  Math.min(policy.firstDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);

/**
 * Runs `work` until it succeeds, fails for good, or has been tried often enough; then its last error is thrown.
 * `waitMs` may name a longer wait for an error (a server's `Retry-After`).
 */
export const retry = async <T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  waitMs: (error: unknown) => number | undefined = () => undefined,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= policy.attempts || !isTemporary(error) || signal?.aborted) throw error;
      await sleep(waitMs(error) ?? backoffMs(policy, attempt), undefined, signal === undefined ? {} : { signal });
    }
  }
};
