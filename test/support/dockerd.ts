// A real dockerd with its containerd, as the set-up unpacked them, in the namespaces of the test.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MS, mount, mountTmpfs, umount } from "../../src/linux/mount/mount.ts";
import { mountsBelow } from "../../src/linux/mount/table.ts";
import { ping, removeCgroupParent } from "./daemon.ts";
import { empty } from "./engine.ts";
import { Http } from "./http.ts";

const unpacked = join(import.meta.dirname, "../../build/docker-engine");
/** On every search path, and in no package. */
const installed = "/usr/local/sbin";
const readyLimitMs = 30_000;
const stopLimitMs = 20_000;
const pollMs = 20;

/**
 * Installs dockerd for whoever sees this mount namespace: it can be started, and another engine takes note of it.
 * @throws Error when the set-up has not brought it
 */
export const installDockerd = (): Disposable => {
  if (!existsSync(join(unpacked, "dockerd"))) throw new Error("no dockerd in build/docker-engine: run npm run setup");
  mount(unpacked, installed, null, MS.bind);
  return { [Symbol.dispose]: () => umount(installed) };
};

/** Hides a directory of the host, where programs keep what no option leads elsewhere. */
const hide = (path: string): Disposable => {
  const made = !existsSync(path);
  mkdirSync(path, { recursive: true });
  mountTmpfs(path);
  return {
    [Symbol.dispose]: () => {
      umount(path, { detach: true });
      if (made) rmdirSync(path);
    },
  };
};

/** A program in the background, with its output in a file. */
class Background {
  readonly #argv: string[];
  readonly #log: string;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(argv: string[], log: string) {
    this.#argv = argv;
    this.#log = log;
  }

  get runs(): boolean {
    return this.#child !== undefined;
  }

  /** @throws Error with its output when it is not ready in time */
  async start(isReady: () => boolean | Promise<boolean>): Promise<void> {
    const child = spawn("/bin/sh", ["-c", 'exec "$@" >>"$LOG" 2>&1', "sh", ...this.#argv], {
      stdio: "ignore",
      env: { PATH: `${installed}:/usr/sbin:/usr/bin:/sbin:/bin`, LOG: this.#log },
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => {
        this.#child = undefined;
        resolve();
      });
    });
    for (const end = Date.now() + readyLimitMs; !(await isReady());) {
      if (!this.runs || Date.now() > end) {
        await this.end("SIGKILL");
        throw new Error(`${this.#argv[0]} is not ready:\n${await readFile(this.#log, "utf8").catch(() => "")}`);
      }
      await sleep(pollMs);
    }
  }

  /** Resolves when it has ended, killed after a while. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    const overdue = setTimeout(() => this.#child?.kill("SIGKILL"), stopLimitMs);
    await this.#exited;
    clearTimeout(overdue);
  }
}

/** A running dockerd. Disposing of it removes its containers and networks, and all that it and containerd made here. */
export class Dockerd implements AsyncDisposable {
  readonly folder: string;
  readonly #containerd: Background;
  readonly #dockerd: Background;
  readonly #hidden: Disposable;

  private constructor(folder: string, args: string[]) {
    this.folder = folder;
    this.#containerd = new Background(
      ["containerd", "--config", join(folder, "containerd.toml"), "--address", this.#containerdSocket],
      join(folder, "containerd.log"),
    );
    const options = {
      containerd: this.#containerdSocket,
      host: `unix://${this.socketPath}`,
      "data-root": join(folder, "data"),
      "exec-root": join(folder, "exec"),
      pidfile: join(folder, "dockerd.pid"),
      "cgroup-parent": `/${basename(folder)}`,
    };
    this.#dockerd = new Background(
      ["dockerd", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...args],
      join(folder, "dockerd.log"),
    );
    using hidden = new DisposableStack();
    // dockerd's key, and the sockets of containerd's shims.
    for (const path of ["/etc/docker", "/run/containerd"]) hidden.use(hide(path));
    this.#hidden = hidden.move();
  }

  /** @param args further arguments of dockerd. @throws Error with the output of what is not ready in time */
  static async start(args: string[] = []): Promise<Dockerd> {
    const folder = await mkdtemp(join(tmpdir(), "berth-dockerd-"));
    writeFileSync(
      join(folder, "containerd.toml"),
      `version = 2
root = "${join(folder, "containerd")}"
state = "${join(folder, "containerd-state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
`,
    );
    const dockerd = new Dockerd(folder, args);
    try {
      await dockerd.#containerd.start(() => existsSync(dockerd.#containerdSocket));
      await dockerd.start();
    } catch (error) {
      await dockerd.#remove();
      throw error;
    }
    return dockerd;
  }

  get socketPath(): string {
    return join(this.folder, "docker.sock");
  }

  get #containerdSocket(): string {
    return join(this.folder, "containerd.sock");
  }

  start(): Promise<void> {
    return this.#dockerd.start(() => ping(this.socketPath));
  }

  stop(): Promise<void> {
    return this.#dockerd.end("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#dockerd.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#dockerd.runs) await this.start();
      await empty(new Http(this.socketPath));
    } finally {
      await this.#remove();
    }
  }

  async #remove(): Promise<void> {
    await this.stop();
    await this.#containerd.end("SIGTERM");
    for (const { target } of mountsBelow(this.folder).toReversed()) umount(target, { detach: true });
    this.#hidden[Symbol.dispose]();
    await removeCgroupParent(`/${basename(this.folder)}`);
    await rm(this.folder, { recursive: true, force: true });
  }
}
