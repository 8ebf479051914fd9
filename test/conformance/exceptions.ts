import type { Difference } from "./compare.ts";

/** A difference from dockerd 28.5 that is meant, or that says nothing. */
export interface Exception {
  group?: string;
  /** Which cases; every case when absent. */
  step?: RegExp;
  /** Which key paths of the result. */
  path: RegExp;
  /** What the recorded value is with Berth; without it every other value will do. */
  becomes?: (recorded: unknown) => unknown;
  reason: string;
}

const ofCrun = (recorded: unknown): unknown =>
  typeof recorded === "string" ? recorded.replace(": runc create failed:", ": crun create failed:") : recorded;

export const exceptions: Exception[] = [
  { path: /^body\.(message|State\.Error|Error\.Message)$/, becomes: ofCrun, reason: "messages name the runtime" },
  { path: /HostConfig\.Runtime$/, reason: "Berth's default runtime is crun" },
  { path: /LogConfig\.Config\.max-(file|size)$/, reason: "Berth rotates logs by default, and shows that it does" },
  { group: "system", path: /^headers\.builder-version$/, reason: "2 once /session and /grpc are there" },
  { group: "system", step: /\/version$/, path: /^body\./, reason: "Berth is made of other parts than dockerd" },
  {
    group: "system",
    step: /\/info$/,
    path: /^body\.(Runtimes|RuncCommit|Containerd|ContainerdCommit|CDISpecDirs)/,
    reason: "Berth runs crun, and no containerd",
  },
  {
    step: /^GET \/(swarm|nodes|services|tasks|secrets|configs)$/,
    path: /^(status|statusText|body)/,
    reason: "swarm routes answer 501",
  },
  { step: /^GET \/plugins/, path: /^(status|statusText|body)/, reason: "plugin routes answer 501" },
  { step: /^PUT \/volumes/, path: /^(status|statusText|body)/, reason: "cluster volumes belong to swarm" },
  { step: /^GET \/images\/search/, path: /^(status|statusText|body)/, reason: "search answers 501" },
];

export const exceptionFor = (group: string, step: string, difference: Difference): Exception | undefined =>
  exceptions.find(
    (exception) =>
      (exception.group ?? group) === group &&
      (exception.step?.test(step) ?? true) &&
      exception.path.test(difference.path) &&
      (exception.becomes === undefined || Object.is(exception.becomes(difference.recorded), difference.answered)),
  );
