import { stat } from "node:fs/promises";

/** libuv's default, and its most. */
const defaultThreads = 4;
const maxThreads = 1024;

/**
 * Has libuv start all threads of its pool now. They are born on first use, in the namespace that the calling thread is
 * in at that moment, so this comes before the first namespace is entered.
 */
export const startPool = async (): Promise<void> => {
  const threads = Math.min(Number(process.env["UV_THREADPOOL_SIZE"] ?? defaultThreads) || defaultThreads, maxThreads);
  await Promise.all(Array.from({ length: threads }, () => stat("/")));
};
