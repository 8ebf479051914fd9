import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalidParameter, notFound } from "../../base/errors.ts";
import { AttachLock } from "../../linux/cgroup/attach-lock.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import { kill } from "../../linux/process/kill.ts";
import { run } from "../../linux/process/run.ts";
import { SealedProgram } from "../../linux/process/sealed.ts";
import { cgroupDirectory, crunSubgroup } from "./cgroup-of.ts";
import { cleanContainer } from "./clean.ts";
import { requireSeccomp } from "./confinement.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { TaskProcess, exitStatusOf, lostStatus } from "./process.ts";
import { checkRootfs } from "./rootfs/check.ts";
import { rootOutside } from "./spec/root-outside.ts";
import { prepareWorkingDirectory } from "./rootfs/working-directory.ts";
import { connectShim } from "./shim/connect.ts";
import { ShimStartError } from "./shim/connection.ts";
import { launchWithNull } from "./shim/launch.ts";
import { containerStartError } from "./start-error.ts";
import { readTaskFile, writeTaskFile } from "./task-file.ts";
import type { TaskFile } from "./task-file.ts";
import type { ExitStatus, TaskSpec } from "./task-spec.ts";
import { Task } from "./task.ts";
import type { TaskContext } from "./task.ts";

export interface RuntimeOptions {
  /** The shim's binary, absolute. */
  shimPath: string;
  /** Where the OCI runtimes keep their state, absolute, on a tmpfs; one folder for each. */
  stateRoot: string;
  cgroups: CgroupLayout;
  cgroupDriver: "cgroupfs" | "systemd";
  runtimes: readonly OciRuntime[];
  /** Name of the runtime of containers that name none. */
  defaultRuntime: string;
}

const deleteTimeoutMs = 30_000;
const SIGKILL = 9;

/** Starts containers through shims, and finds those again that an earlier daemon started. */
export class Runtime implements Disposable {
  readonly #options: RuntimeOptions;
  // Containers whose state is being removed: a next start of the same id waits.
  readonly #cleaning = new Map<string, Promise<void>>();
  readonly #attachLock: AttachLock;
  readonly #programs: ReadonlyMap<string, SealedProgram>;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#attachLock = new AttachLock(options.cgroups);
    // What an unknown runtime does with itself is its own affair.
    const known = options.runtimes.filter(({ kind }) => kind !== "other");
    this.#programs = new Map(known.map(({ name, path }) => [name, new SealedProgram(path)]));
  }

  /** Lets go of what was kept ready for starts. */
  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program[Symbol.dispose]();
  }

  /** Tells that a process will be started in some milliseconds: what the kernel needs first is begun meanwhile. */
  expectStart(): void {
    this.#attachLock.prepare();
  }

  /** @throws EngineError invalid-parameter in Docker's words for a name that is not configured. */
  find(name: string | undefined | null): OciRuntime {
    const wanted = name || this.#options.defaultRuntime;
    const found = this.#options.runtimes.find((runtime) => runtime.name === wanted);
    if (found === undefined) throw invalidParameter(`unknown or invalid runtime name: ${wanted}`);
    return found;
  }

  /**
   * Starts a container: writes its bundle, checks its root, spawns the shim and waits until the process runs.
   *
   * @throws TaskStartError in Docker's words; EngineError for a root that must not be run. Nothing is left then.
   */
  async start(task: TaskSpec): Promise<Task> {
    const step = task.trace ?? (() => {});
    const runtime = this.find(task.runtime);
    const context = this.#context(runtime);
    const identity = {
      id: task.id,
      dir: task.dir,
      cgroup: cgroupDirectory(task.spec.linux.cgroupsPath ?? "", runtime.kind === "crun" ? crunSubgroup : ""),
      seccomp: task.spec.linux.seccomp !== undefined,
    };
    checkRootfs(task.spec);
    prepareWorkingDirectory(task.spec);
    step("root checked");
    await this.#cleaning.get(task.id);
    // Small files on a tmpfs: written sooner than a thread would be found for them.
    mkdirSync(task.dir, { recursive: true, mode: 0o700 });
    writeFileSync(join(task.dir, "config.json"), JSON.stringify(task.spec), { mode: 0o600 });
    writeTaskFile(task.dir, {
      version: 1,
      id: task.id,
      kind: "container",
      runtime: runtime.name,
      cgroup: identity.cgroup,
      seccomp: identity.seccomp,
    });
    step("bundle");
    try {
      const shim = {
        ...context.shim(),
        id: task.id,
        dir: task.dir,
        start: { bundle: task.dir },
        ...(task.stdin === undefined ? {} : { stdin: task.stdin }),
        ...(task.terminal === undefined ? {} : { terminal: task.terminal }),
        ...(task.attach === undefined ? {} : { attach: task.attach }),
        ...(task.log === undefined ? {} : { log: task.log }),
        ...(task.holdFds === undefined ? {} : { holdFds: task.holdFds }),
        ...(task.relays === undefined ? {} : { relays: task.relays }),
      };
      const { connection, process, attached } = await launchWithNull(rootOutside(task.spec), shim, task.spawned);
      step("started");
      const started = new Task(context, identity, connection, process, attached);
      if (identity.seccomp) await requireSeccomp(process.pid, runtime.name);
      return started;
    } catch (error) {
      await context.clean(identity.id, identity.cgroup);
      if (!(error instanceof ShimStartError)) throw error;
      throw containerStartError(error.detail, runtime.name, task.spec.process.args[0] ?? "", error);
    }
  }

  /**
   * Finds the container of a task's folder again: still running, or how it ended. A shim that was killed takes its
   * container along.
   *
   * @throws EngineError not-found when the folder holds no task.
   */
  async adopt(dir: string): Promise<Task | ExitStatus> {
    const file = await this.#read(dir);
    const context = this.#context(this.find(file.runtime));
    const found = await connectShim(dir);
    if (found.state === "running") {
      const identity = { id: file.id, dir, cgroup: file.cgroup, seccomp: file.seccomp };
      return new Task(context, identity, found.connection, found.process, []);
    }
    if (found.state === "exited") return exitStatusOf(found.exit);
    await context.clean(file.id, file.cgroup);
    return lostStatus();
  }

  /** The same for an exec's folder. */
  async adoptExec(dir: string): Promise<TaskProcess | ExitStatus> {
    await this.#read(dir);
    const found = await connectShim(dir);
    if (found.state === "exited") return exitStatusOf(found.exit);
    if (found.state === "running") return new TaskProcess(found.connection, found.process, [], () => Promise.resolve());
    if (found.process !== null) kill(found.process.pid, SIGKILL);
    return lostStatus();
  }

  /** Removes what the runtime keeps of a container whose task is not at hand, by its folder. Once removed: nothing to do. */
  async clean(dir: string): Promise<void> {
    const file = await readTaskFile(dir);
    if (file?.kind === "container") await this.#context(this.find(file.runtime)).clean(file.id, file.cgroup);
  }

  async #read(dir: string): Promise<TaskFile> {
    const file = await readTaskFile(dir);
    if (file === null) throw notFound(`no task in ${dir}`);
    return file;
  }

  #context(runtime: OciRuntime): TaskContext {
    const { shimPath, cgroups, cgroupDriver, stateRoot } = this.#options;
    const root = join(stateRoot, runtime.name);
    const systemd = cgroupDriver === "systemd" ? ["--systemd-cgroup"] : [];
    const runtimeArguments = ["--root", root, ...systemd, ...runtime.arguments];
    const clean = async (id: string, cgroup: string): Promise<void> => {
      // systemd keeps a unit of the container's, and another runtime what only it knows.
      if (systemd.length > 0 || runtime.kind === "other") {
        await run([runtime.path, ...runtimeArguments, "delete", "--force", id], { timeoutMs: deleteTimeoutMs });
      }
      await cleanContainer(cgroups, cgroup, root, id);
    };
    return {
      shim: () => {
        const runtimeFd = this.#programs.get(runtime.name)?.fd() ?? null;
        return {
          shim: shimPath,
          runtime: runtime.path,
          ...(runtimeFd === null ? {} : { runtimeFd }),
          runtimeArguments,
        };
      },
      cgroups,
      runtime,
      runtimeArguments,
      clean: (id, cgroup) => this.#once(id, () => clean(id, cgroup)),
    };
  }

  #once(id: string, work: () => Promise<void>): Promise<void> {
    const before = this.#cleaning.get(id);
    if (before !== undefined) return before;
    const cleaning = work().finally(() => this.#cleaning.delete(id));
    this.#cleaning.set(id, cleaning);
    return cleaning;
  }
}
