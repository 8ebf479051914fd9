import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, rmdir } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { umount } from "../../src/linux/mount/mount.ts";
import { mountsBelow, mountTable } from "../../src/linux/mount/table.ts";

const readyLimitMs = 15_000;
const stopLimitMs = 15_000;
const pollMs = 10;

export interface DaemonOptions {
  /** Further arguments; the last of a kind counts. */
  args?: string[];
  env?: Record<string, string>;
  /** Where its sockets and roots are; without it a temporary folder that goes with the daemon. */
  folder?: string;
}

/** True when something answers `GET /_ping` on a unix socket. */
export const ping = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const call = request({ socketPath, path: "/_ping", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.setTimeout(2000, () => call.destroy());
    call.on("error", () => resolve(false));
    call.end();
  });

/** The runtime leaves the parent of its cgroups. */
export const removeCgroupParent = async (parent: string): Promise<void> => {
  for (const { type, target } of mountTable()) {
    if (type === "cgroup" || type === "cgroup2") await rmdir(join(target, parent)).catch(() => {});
  }
};

/**
 * A real `bin/berthd` of this checkout, with a socket, a data root, an exec root and a cgroup parent of its own. Runs in
 * the namespaces of the test, which are those of `scripts/sandbox.sh`.
 */
export class Daemon implements AsyncDisposable {
  readonly folder: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  private constructor(folder: string, options: DaemonOptions) {
    this.folder = folder;
    this.#options = options;
  }

  /** @throws Error with the daemon's output when it ends or does not answer within 15 s. */
  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "berth-test-")));
    // Containers with user namespaces reach their roots below the exec root, as below /run.
    if (options.folder === undefined) await chmod(folder, 0o711);
    const daemon = new Daemon(folder, options);
    try {
      await daemon.start();
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
    return daemon;
  }

  get socketPath(): string {
    return join(this.folder, "berth.sock");
  }

  get dataRoot(): string {
    return join(this.folder, "data");
  }

  get execRoot(): string {
    return join(this.folder, "exec");
  }

  /** Containers' cgroups are below this in every hierarchy: other daemons of the machine have others. */
  get cgroupParent(): string {
    return `/${basename(this.folder)}`;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What it wrote to stdout and stderr. */
  output(): Promise<string> {
    return readFile(join(this.folder, "berthd.log"), "utf8").catch(() => "");
  }

  /** Starts it on the same roots again. @returns how long it took until it answered, milliseconds */
  async start(): Promise<number> {
    const begin = performance.now();
    const child = this.spawn();
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code) => {
        if (this.#child === child) this.#child = undefined;
        resolve(code);
      });
    });
    for (const end = Date.now() + readyLimitMs; !(await ping(this.socketPath));) {
      if (this.#child === undefined || Date.now() > end) {
        child.kill("SIGKILL");
        throw new Error(`berthd does not answer:\n${await this.output()}`);
      }
      await sleep(pollMs);
    }
    return performance.now() - begin;
  }

  /** A further process on the same roots and socket, nothing waited for. */
  spawn(args: string[] = []): ChildProcess {
    const own = {
      host: `unix://${this.socketPath}`,
      "data-root": this.dataRoot,
      "exec-root": this.execRoot,
      pidfile: join(this.folder, "berthd.pid"),
      "cgroup-parent": this.cgroupParent,
    };
    const all = [
      ...Object.entries(own).flatMap(([name, value]) => [`--${name}`, value]),
      ...(this.#options.args ?? []),
      ...args,
    ];
    const command = ["-c", 'exec "$@" >>"$LOG" 2>&1', "sh", join(import.meta.dirname, "../../bin/berthd"), ...all];
    return spawn("/bin/sh", command, {
      stdio: "ignore",
      env: { ...process.env, ...this.#options.env, LOG: join(this.folder, "berthd.log") },
    });
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
  }

  /** Ends it without warning and starts another on the same roots. @returns how long the new one took, milliseconds */
  async killAndStart(): Promise<number> {
    await this.kill();
    return this.start();
  }

  /** SIGTERM. @returns its exit status; null when it had to be killed after 15 s */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    child.kill("SIGTERM");
    const overdue = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
    const code = await this.#exited;
    clearTimeout(overdue);
    return code;
  }

  /** Stops it and removes its folder; containers should be gone by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const { target } of mountsBelow(this.folder).toReversed()) umount(target, { detach: true });
    await removeCgroupParent(this.cgroupParent);
    if (this.#options.folder === undefined) await rm(this.folder, { recursive: true, force: true });
  }
}
