import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ShimOptions } from "../../../src/daemon/runtime/shim/arguments.ts";
import { launchShim } from "../../../src/daemon/runtime/shim/launch.ts";
import type { LaunchedShim } from "../../../src/daemon/runtime/shim/launch.ts";
import { FrameDecoder } from "../../../src/daemon/runtime/shim/frame.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { run } from "../../../src/linux/process/run.ts";
import { startTime } from "../../../src/linux/process/start-time.ts";
import type { ShimFile } from "../../../src/wire/shim/protocol.ts";

export const shim = join(import.meta.dirname, "../../../build/berth-shim");
export const crun = "/usr/bin/crun";
const applets = [
  "sh",
  "cat",
  "echo",
  "sleep",
  "stty",
  "dd",
  "ls",
  "true",
  "seq",
  "yes",
  "head",
  "env",
  "kill",
  "wc",
  "nc",
  "id",
];

/** What a process's spec says of its terminal: the runtime sets the size before the program can ask for it. */
const terminalSpec = (terminal: ShimOptions["terminal"]): object =>
  terminal === undefined
    ? { terminal: false }
    : { terminal: true, consoleSize: { height: terminal.rows, width: terminal.columns } };

/** The part of a runtime spec that these tests need: no seccomp, no network of its own. */
const spec = (
  rootfs: string,
  args: string[],
  terminal: ShimOptions["terminal"],
  memoryBytes?: number,
  hostPids = false,
): object => ({
  ociVersion: "1.0.2",
  process: {
    ...terminalSpec(terminal),
    user: { uid: 0, gid: 0 },
    args,
    env: ["PATH=/bin", "TERM=xterm"],
    cwd: "/",
    capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
  },
  root: { path: rootfs },
  hostname: "shim-test",
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["newinstance", "ptmxmode=0666", "mode=0620"],
    },
  ],
  linux: {
    namespaces: [{ type: "mount" }, { type: "uts" }, { type: "ipc" }, ...(hostPids ? [] : [{ type: "pid" }])],
    ...(memoryBytes ? { resources: { memory: { limit: memoryBytes, swap: memoryBytes } } } : {}),
  },
});

export interface StartOptions extends Partial<ShimOptions> {
  memoryBytes?: number;
  hostPids?: boolean;
}

/** A folder with busybox as a root filesystem, and the containers started in it; disposing it ends and removes them all. */
export class Containers implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "berth-shim-test-"));
  readonly runtimeArguments = ["--root", join(this.root, "runtime")];
  readonly #ids: string[] = [];
  readonly #launched: LaunchedShim[] = [];

  constructor() {
    const bin = join(this.root, "rootfs/bin");
    mkdirSync(bin, { recursive: true });
    for (const folder of ["proc", "dev", "tmp"]) mkdirSync(join(this.root, "rootfs", folder));
    copyFileSync("/bin/busybox", join(bin, "busybox"));
    for (const applet of applets) symlinkSync("busybox", join(bin, applet));
  }

  /** Where a container's files are. */
  dir(id: string): string {
    return join(this.root, "containers", id);
  }

  log(id: string): string {
    return join(this.dir(id), `${id}-json.log`);
  }

  prepare(id: string, args: string[], options: StartOptions = {}): ShimOptions {
    const { memoryBytes, hostPids, ...given } = options;
    const dir = this.dir(id);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(
      join(dir, "config.json"),
      JSON.stringify(spec(join(this.root, "rootfs"), args, given.terminal, memoryBytes, hostPids)),
    );
    this.#ids.push(id);
    return {
      shim,
      runtime: crun,
      runtimeArguments: this.runtimeArguments,
      id,
      dir,
      start: { bundle: dir },
      log: { path: this.log(id) },
      ...given,
    };
  }

  async start(id: string, args: string[], options: StartOptions = {}): Promise<LaunchedShim> {
    return this.#keep(await launchShim(this.prepare(id, args, options)));
  }

  async exec(id: string, execId: string, args: string[], options: Partial<ShimOptions> = {}): Promise<LaunchedShim> {
    const dir = join(this.dir(id), "execs", execId);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const process = {
      ...terminalSpec(options.terminal),
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/bin"],
      cwd: "/",
    };
    writeFileSync(join(dir, "process.json"), JSON.stringify(process));
    const start = { process: join(dir, "process.json") };
    return this.#keep(
      await launchShim({ shim, runtime: crun, runtimeArguments: this.runtimeArguments, id, dir, start, ...options }),
    );
  }

  /** The records of a container's log, oldest file first. */
  records(id: string): LogRecord[] {
    const name = `${id}-json.log`;
    const number = (file: string): number => Number(file.slice(name.length + 1) || 0);
    const files = readdirSync(this.dir(id)).filter((file) => file === name || /\.log\.\d+$/.test(file));
    return files
      .sort((a, b) => number(b) - number(a))
      .flatMap((file) =>
        readFileSync(join(this.dir(id), file), "utf8")
          .split("\n")
          .slice(0, -1),
      )
      .map((line) => JSON.parse(line) as LogRecord);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection, attached } of this.#launched) {
      for (const socket of attached) socket.destroy();
      connection[Symbol.dispose]();
    }
    for (const id of this.#ids) {
      await run([crun, ...this.runtimeArguments, "delete", "--force", id]);
      await this.#shimGone(this.dir(id));
    }
    rmSync(this.root, { recursive: true, force: true });
  }

  #keep(launched: LaunchedShim): LaunchedShim {
    this.#launched.push(launched);
    return launched;
  }

  async #shimGone(dir: string): Promise<void> {
    const file = join(dir, "shim.json");
    if (!existsSync(file)) return;
    const { pid, startTime: born } = JSON.parse(readFileSync(file, "utf8")) as ShimFile;
    for (let waitedMs = 0; startTime(pid) === born && !isZombie(pid); waitedMs += 5) {
      if (waitedMs === 1000) kill(pid, 9);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** True too for a process that is gone by now. */
const isZombie = (pid: number): boolean => {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return true;
    throw error;
  }
};

export interface LogRecord {
  log: string;
  stream: string;
  time: string;
  raw?: string;
  attrs?: Record<string, string>;
}

/** The exact bytes that the records stand for. */
export const bytesOf = (records: LogRecord[], stream?: string): Buffer =>
  Buffer.concat(
    records
      .filter((record) => stream === undefined || record.stream === stream)
      .map((record) => (record.raw === undefined ? Buffer.from(record.log) : Buffer.from(record.raw, "base64"))),
  );

/** Everything until the end of a socket, which stays open for writing. */
export const readAll = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .once("end", () => resolve(Buffer.concat(chunks)))
      .once("error", reject);
  });

/** stdout and stderr out of an attach's frames. */
export const demultiplex = (stream: Buffer): { stdout: Buffer; stderr: Buffer } => {
  const frames = [...new FrameDecoder(1 << 20).decode(stream)];
  const of = (type: number): Buffer => Buffer.concat(frames.filter((f) => f.type === type).map((f) => f.payload));
  return { stdout: of(1), stderr: of(2) };
};

/** Waits until `condition` holds. @throws Error after two seconds. */
export const until = async (condition: () => boolean, timeoutMs = 2000): Promise<void> => {
  for (const end = Date.now() + timeoutMs; !condition();) {
    if (Date.now() > end) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

export const everything = { stdin: true, stdout: true, stderr: true, raw: false };
