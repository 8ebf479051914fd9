import { rfc3339Nano } from "../../../base/clock.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Health } from "../../../wire/engine/container.ts";
import type { HealthConfig } from "../../../wire/engine/image.ts";
import type { HealthStatus } from "../status.ts";

export interface ProbeResult {
  exitCode: number;
  output: string;
}

/** Runs the probe once; rejects when it could not be run, or with `signal` when it took too long. */
export type Probe = (signal: AbortSignal) => Promise<ProbeResult>;

const defaultIntervalMs = 30_000;
const defaultTimeoutMs = 30_000;
const defaultStartIntervalMs = 5_000;
const defaultRetries = 3;
/** What inspect shows: the last five results, each with its first 4096 bytes of output. */
const maxKeptResults = 5;
export const maxProbeOutputBytes = 4096;

const toMs = (ns: number | undefined, fallbackMs: number): number => (ns ? ns / 1e6 : fallbackMs);

/** True when the container has a health check to run. */
export const hasHealthcheck = (config: HealthConfig | null | undefined): config is HealthConfig => {
  const kind = config?.Test?.[0];
  return kind !== undefined && kind !== "" && kind !== "NONE";
};

/** Runs a container's health check again and again while it runs. Make one per start; `stop` ends it for good. */
export class HealthMonitor {
  readonly #config: HealthConfig;
  readonly #probe: Probe;
  readonly #changed: (status: HealthStatus) => void;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  #status: HealthStatus = "starting";
  #failingStreak = 0;
  #log: NonNullable<Health["Log"]> = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(config: HealthConfig, clock: Clock, probe: Probe, changed: (status: HealthStatus) => void) {
    this.#config = config;
    this.#clock = clock;
    this.#probe = probe;
    this.#changed = changed;
    this.#startedMs = clock.now();
    this.#schedule();
  }

  get status(): HealthStatus {
    return this.#status;
  }

  /** **Source:** Engine API, Health. */
  document(): Health {
    return {
      Status: this.#status as NonNullable<Health["Status"]>,
      FailingStreak: this.#failingStreak,
      Log: [...this.#log],
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #inStartPeriod(): boolean {
    return this.#clock.now() - this.#startedMs < toMs(this.#config.StartPeriod, 0);
  }

  #schedule(): void {
    const quick = this.#status === "starting" && this.#inStartPeriod();
    const delayMs = quick
      ? toMs(this.#config.StartInterval, defaultStartIntervalMs)
      : toMs(this.#config.Interval, defaultIntervalMs);
    this.#timer = setTimeout(() => void this.#run(), delayMs);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    const timeoutMs = toMs(this.#config.Timeout, defaultTimeoutMs);
    const timeout = AbortSignal.timeout(timeoutMs);
    const start = this.#clock.nowNs();
    const wasStarting = this.#inStartPeriod();
    let result: ProbeResult;
    try {
      result = await this.#probe(AbortSignal.any([timeout, this.#abort.signal]));
    } catch (error) {
      const tooLong = timeout.aborted;
      result = {
        exitCode: -1,
        output: tooLong ? `Health check exceeded timeout (${timeoutMs / 1000}s)` : String((error as Error).message),
      };
    }
    if (this.#abort.signal.aborted) return;
    this.#note(result, start, wasStarting);
    this.#schedule();
  }

  #note(result: ProbeResult, startNs: bigint, inStartPeriod: boolean): void {
    this.#log.push({
      Start: rfc3339Nano(startNs),
      End: rfc3339Nano(this.#clock.nowNs()),
      ExitCode: result.exitCode,
      Output: result.output,
    });
    this.#log = this.#log.slice(-maxKeptResults);
    const before = this.#status;
    if (result.exitCode === 0) {
      this.#failingStreak = 0;
      this.#status = "healthy";
    } else if (!(inStartPeriod && before === "starting")) {
      // Failures while it starts up are not held against it.
      this.#failingStreak += 1;
      const retries = this.#config.Retries ? this.#config.Retries : defaultRetries;
      if (this.#failingStreak >= retries) this.#status = "unhealthy";
    }
    if (this.#status !== before) this.#changed(this.#status);
  }
}
