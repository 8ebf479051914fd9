import { invalidParameter } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import type { WaitResult } from "./live.ts";
import { isActive } from "./state.ts";

const conditions = ["not-running", "next-exit", "removed"];

/**
 * Waits for a container. The outer promise resolves once the wait is registered (the API then flushes its headers, and
 * the client starts the container), the inner `result` when the condition holds.
 * It rejects with the reason of `signal` when that aborts.
 * @param condition not-running (also when empty), next-exit or removed
 * @throws EngineError not-found, invalid-parameter
 */
export const wait = (
  { containers, live }: ContainerContext,
  reference: string,
  condition: string,
  signal?: AbortSignal,
): { result: Promise<WaitResult> } => {
  if (condition !== "" && !conditions.includes(condition)) {
    throw invalidParameter(`invalid condition: "${condition}"`);
  }
  const { id, state } = containers.find(reference);
  if ((condition === "" || condition === "not-running") && !isActive(state)) {
    const result: WaitResult = { StatusCode: state.exitCode };
    if (state.error !== "") result.Error = { Message: state.error };
    return { result: Promise.resolve(result) };
  }
  const entry = live.of(id);
  const waiters = condition === "removed" ? entry.removed : entry.nextExit;
  return {
    result: new Promise((resolve, reject) => {
      waiters.add(resolve);
      const leave = (): void => {
        waiters.delete(resolve);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", leave, { once: true });
    }),
  };
};
