import { mkdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemError } from "../../base/errors.ts";
import { freeze, freezerState, thaw } from "../../linux/cgroup/freezer.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import { liftPidsLimit } from "../../linux/cgroup/pids.ts";
import { members } from "../../linux/cgroup/members.ts";
import { run } from "../../linux/process/run.ts";
import type { OciResources } from "../../wire/oci/runtime.ts";
import { requireSeccomp } from "./confinement.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { TaskProcess } from "./process.ts";
import type { ShimOptions } from "./shim/arguments.ts";
import { launchWithNull } from "./shim/launch.ts";
import { ShimStartError } from "./shim/connection.ts";
import type { ShimConnection } from "./shim/connection.ts";
import type { Started } from "../../wire/shim/protocol.ts";
import { execStartError } from "./start-error.ts";
import { writeTaskFile } from "./task-file.ts";
import type { ExecSpec } from "./task-spec.ts";
import type { Socket } from "node:net";

const freezeTimeoutMs = 10_000;
const freezePollMs = 2;
const SIGKILL = 9;
const updateTimeoutMs = 30_000;

/** What a task needs of the room it lives in. */
export interface TaskContext {
  /** What every launch of a shim names: its binary and the runtime's. */
  shim: () => Pick<ShimOptions, "shim" | "runtime" | "runtimeFd" | "runtimeArguments">;
  cgroups: CgroupLayout;
  runtime: OciRuntime;
  /** `--root …` and what else goes before the runtime's command. */
  runtimeArguments: readonly string[];
  /** Removes what the runtime keeps of the container; kills what still runs in its cgroup. */
  clean: (id: string, cgroup: string) => Promise<void>;
}

export interface TaskIdentity {
  id: string;
  dir: string;
  /** Below every hierarchy's root. */
  cgroup: string;
  /** Its processes run under a seccomp filter. */
  seccomp: boolean;
}

/** A running container. */
export class Task extends TaskProcess {
  readonly id: string;
  readonly dir: string;
  readonly cgroup: string;
  readonly #seccomp: boolean;
  readonly #context: TaskContext;
  #deleted: Promise<void> | undefined;

  constructor(
    context: TaskContext,
    identity: TaskIdentity,
    connection: ShimConnection,
    started: Started,
    attached: readonly Socket[],
  ) {
    super(connection, started, attached, () => context.clean(identity.id, identity.cgroup));
    this.#context = context;
    this.id = identity.id;
    this.dir = identity.dir;
    this.cgroup = identity.cgroup;
    this.#seccomp = identity.seccomp;
  }

  /**
   * Stops every process of the container where it is; resolves when they stand still.
   *
   * @throws EngineError system when the kernel does not manage in time; they run again then.
   */
  async pause(): Promise<void> {
    const { cgroups } = this.#context;
    freeze(cgroups, this.cgroup);
    for (const end = Date.now() + freezeTimeoutMs; freezerState(cgroups, this.cgroup) !== "frozen";) {
      if (Date.now() > end) {
        thaw(cgroups, this.cgroup);
        throw systemError(`cannot pause container ${this.id}: the kernel did not freeze it in ${freezeTimeoutMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, freezePollMs));
    }
  }

  /** Lets the processes of a paused container go on. */
  resume(): Promise<void> {
    thaw(this.#context.cgroups, this.cgroup);
    return Promise.resolve();
  }

  /** Lets the processes go on that somebody stopped who can no longer say so. */
  unstick(): void {
    const { cgroups } = this.#context;
    const state = freezerState(cgroups, this.cgroup);
    if (state === "frozen" || state === "freezing") thaw(cgroups, this.cgroup);
  }

  /** True while the container stands still. */
  get paused(): boolean {
    return freezerState(this.#context.cgroups, this.cgroup) === "frozen";
  }

  /** All processes of the container, by their ids on the host, ascending. */
  pids(): number[] {
    return members(this.#context.cgroups, this.cgroup);
  }

  /**
   * Changes the container's limits; those that are absent stay.
   *
   * @throws EngineError system with the runtime's words.
   */
  async update(resources: OciResources): Promise<void> {
    const { runtime, runtimeArguments } = this.#context;
    const input = JSON.stringify(resources);
    const file = join(this.dir, "resources.json");
    await writeFile(file, input, { mode: 0o600 });
    const { code, stderr } = await run([runtime.path, ...runtimeArguments, "update", "-r", file, this.id], {
      timeoutMs: updateTimeoutMs,
    });
    if (code !== 0) throw systemError(`Cannot update container ${this.id}: ${stderr.trim()}`);
  }

  /** Takes the limit on the number of processes away, which crun before 1.9 cannot. */
  liftPidsLimit(): void {
    liftPidsLimit(this.#context.cgroups, this.cgroup);
  }

  /**
   * Starts a further process in the container.
   *
   * @throws TaskStartError in Docker's words when it cannot be started.
   */
  async exec(spec: ExecSpec): Promise<TaskProcess> {
    const { runtime, shim } = this.#context;
    const step = spec.trace ?? (() => {});
    mkdirSync(spec.dir, { recursive: true, mode: 0o700 });
    const file = join(spec.dir, "process.json");
    writeFileSync(file, JSON.stringify(spec.process), { mode: 0o600 });
    writeTaskFile(spec.dir, {
      version: 1,
      id: this.id,
      kind: "exec",
      runtime: runtime.name,
      cgroup: this.cgroup,
      seccomp: this.#seccomp,
    });
    step("process.json");
    try {
      const { connection, process, attached } = await launchWithNull(spec.owner, {
        ...shim(),
        id: this.id,
        dir: spec.dir,
        start: { process: file },
        ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
        ...(spec.terminal === undefined ? {} : { terminal: spec.terminal }),
        ...(spec.attach === undefined ? {} : { attach: spec.attach }),
      });
      step("started");
      const started = new TaskProcess(connection, process, attached, () => Promise.resolve());
      if (this.#seccomp) await this.#requireSeccomp(started);
      return started;
    } catch (error) {
      if (error instanceof ShimStartError) throw execStartError(error.detail, spec.process.args[0] ?? "", error);
      throw error;
    }
  }

  async #requireSeccomp(started: TaskProcess): Promise<void> {
    try {
      await requireSeccomp(started.pid, this.#context.runtime.name);
    } catch (error) {
      started.signal(SIGKILL);
      started[Symbol.dispose]();
      throw error;
    }
  }

  /** Removes what the runtime keeps of the container, once. Kills what still runs of it. */
  delete(): Promise<void> {
    this.#deleted ??= this.#context.clean(this.id, this.cgroup);
    return this.#deleted;
  }
}
