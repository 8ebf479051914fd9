import type { Difference } from "./compare.ts";

/** A difference from dockerd 28.5 that is meant, or that says nothing. */
export interface Exception {
  group?: string;
  /** Which cases; every case when absent. */
  step?: RegExp;
  /** Which key paths of the result. */
  path: RegExp;
  reason: string;
}

export const exceptions: Exception[] = [
  {
    group: "system",
    path: /^body\.(Components|Platform)/,
    reason: "Berth is made of other parts than dockerd, containerd and runc",
  },
];

export const exceptionFor = (group: string, step: string, difference: Difference): Exception | undefined =>
  exceptions.find(
    (exception) =>
      (exception.group ?? group) === group &&
      (exception.step?.test(step) ?? true) &&
      exception.path.test(difference.path),
  );
