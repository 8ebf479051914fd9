import type { HostConfig } from "../../../wire/engine/container.ts";

/** Docker's delays: 100 ms, doubled at each restart, one minute at the most, from the start again after a run of 10 s. */
export const firstDelayMs = 100;
export const maxDelayMs = 60_000;
export const goodRunMs = 10_000;

export interface ExitFacts {
  exitCode: number;
  /** `docker stop` or a fatal `docker kill` came before the exit. */
  manuallyStopped: boolean;
  /** Restarts since the last start by a user. */
  restartCount: number;
}

/** Whether the policy starts the container again after this exit. */
export const restartsAfterExit = (policy: HostConfig["RestartPolicy"], exit: ExitFacts): boolean => {
  if (exit.manuallyStopped) return false;
  switch (policy?.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure": {
      const limit = policy.MaximumRetryCount ?? 0;
      return exit.exitCode !== 0 && (limit === 0 || exit.restartCount < limit);
    }
    default:
      return false;
  }
};

export interface BootFacts {
  exitCode: number;
  manuallyStopped: boolean;
  startedBefore: boolean;
  restartCount: number;
}

/** Whether the policy starts a container that is not running when the daemon starts. */
export const restartsAtBoot = (policy: HostConfig["RestartPolicy"], facts: BootFacts): boolean => {
  if (!facts.startedBefore) return false;
  switch (policy?.Name) {
    case "always":
      return true;
    case "unless-stopped":
      return !facts.manuallyStopped;
    case "on-failure": {
      const limit = policy.MaximumRetryCount ?? 0;
      return facts.exitCode !== 0 && !facts.manuallyStopped && (limit === 0 || facts.restartCount < limit);
    }
    default:
      return false;
  }
};

/** The delay before a restart, given the one before (0: none yet) and how long the container ran. */
export const nextDelayMs = (previousMs: number, ranMs: number): number =>
  previousMs === 0 || ranMs >= goodRunMs ? firstDelayMs : Math.min(previousMs * 2, maxDelayMs);
