import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { SystemError } from "../error.ts";
import { libc } from "../ffi.ts";
import { duplicate, pipe } from "../file/pipe.ts";
import { watchExit } from "./exit.ts";
import type { Exit } from "./exit.ts";

/** Where a standard stream of the child goes: /dev/null (the default), a new pipe, or a descriptor of ours. */
export type Stdio = "null" | "pipe" | number;

export interface SpawnOptions {
  /** The whole environment; this process's own when absent. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  stdin?: Stdio;
  stdout?: Stdio;
  stderr?: Stdio;
  /** Further descriptors: number in the child → number here. */
  fds?: Record<number, number>;
}

export interface Child {
  pid: number;
  /** Our ends of the pipes that were asked for. */
  stdin?: Socket;
  stdout?: Socket;
  stderr?: Socket;
  /** Fulfilled once the child has ended and is reaped. */
  exited: Promise<Exit>;
  /** Lets this process end although the child runs on. */
  unref: () => void;
}

const posixSpawn = libc("posix_spawn", ["void *", "str", "void *", "void *", "str *", "str *"]);
const actionsInit = libc("posix_spawn_file_actions_init", ["void *"]);
const actionsDestroy = libc("posix_spawn_file_actions_destroy", ["void *"]);
const addDup2 = libc("posix_spawn_file_actions_adddup2", ["void *", "int", "int"]);
const addOpen = libc("posix_spawn_file_actions_addopen", ["void *", "int", "str", "int", "uint"]);
const addClose = libc("posix_spawn_file_actions_addclose", ["void *", "int"]);
const addCloseFrom = libc("posix_spawn_file_actions_addclosefrom_np", ["void *", "int"]);
const addChdir = libc("posix_spawn_file_actions_addchdir_np", ["void *", "str"]);
const attributesInit = libc("posix_spawnattr_init", ["void *"]);
const attributesDestroy = libc("posix_spawnattr_destroy", ["void *"]);
const setFlags = libc("posix_spawnattr_setflags", ["void *", "int"]);
const setSigDefault = libc("posix_spawnattr_setsigdefault", ["void *", "void *"]);
const setSigMask = libc("posix_spawnattr_setsigmask", ["void *", "void *"]);

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const O_RDWR = 2;
/** Room for glibc's structures (80, 336 and 128 bytes on 64-bit machines). */
const actionsBytes = 256;
const attributesBytes = 512;
const signalSetBytes = 128;

/**
 * Starts a program in a session of its own, with default signal dispositions, no signal blocked, and no descriptor
 * beyond the three standard ones and `fds`. posix_spawn shares the memory until the exec: 0.2 ms however large the heap
 * is, where libuv's fork copies page tables on the event loop (9–17 ms at 500 MB).
 *
 * @param argv the program by its absolute path, and its arguments.
 * @throws SystemError when it cannot be executed (ENOENT, EACCES, ENOEXEC …), or when `cwd` cannot be entered.
 *
 * **Source:** posix_spawn(3), setsid(2).
 */
export const spawn = (argv: readonly string[], options: SpawnOptions = {}): Child => {
  using plan = new Plan(options);
  const pid = start(argv, plan, options.env);
  const { exited, unref } = watchExit(pid);
  return { pid, exited, unref, ...plan.streams() };
};

/** The same for a caller that waits for the end and reaps it by itself. No pipes. @returns the process */
export const launch = (argv: readonly string[], options: SpawnOptions): number => {
  using plan = new Plan(options);
  return start(argv, plan, options.env);
};

const start = (argv: readonly string[], plan: Plan, env: SpawnOptions["env"]): number => {
  const program = argv[0] ?? "";
  if (!program.startsWith("/")) throw new SystemError(22 /* EINVAL */, "posix_spawn", program, "path must be absolute");
  const pid = Buffer.alloc(4);
  const errno = posixSpawn(pid, program, plan.actions, plan.attributes, [...argv, null], environment(env));
  if (errno !== 0) throw new SystemError(errno, "posix_spawn", program);
  return pid.readInt32LE();
};

const environment = (env: Record<string, string | undefined> = process.env): (string | null)[] => [
  ...Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
  null,
];

/** What posix_spawn is to do, and the descriptors opened for it, which are closed here again. */
class Plan implements Disposable {
  readonly actions = Buffer.alloc(actionsBytes);
  readonly attributes = Buffer.alloc(attributesBytes);
  readonly #childEnds: number[] = [];
  readonly #ownEnds = new Map<"stdin" | "stdout" | "stderr", number>();

  constructor(options: SpawnOptions) {
    actionsInit(this.actions);
    attributesInit(this.attributes);
    try {
      this.#setAttributes();
      this.#setDescriptors(options);
      if (options.cwd !== undefined) this.#add(addChdir(this.actions, options.cwd));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Our ends as sockets; from here on they belong to the caller. */
  streams(): { stdin?: Socket; stdout?: Socket; stderr?: Socket } {
    const streams: { stdin?: Socket; stdout?: Socket; stderr?: Socket } = {};
    for (const [name, fd] of this.#ownEnds)
      streams[name] = new Socket({ fd, readable: name !== "stdin", writable: name === "stdin" });
    this.#ownEnds.clear();
    return streams;
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#childEnds.splice(0), ...this.#ownEnds.values()]) closeSync(fd);
    this.#ownEnds.clear();
    actionsDestroy(this.actions);
    attributesDestroy(this.attributes);
  }

  #setAttributes(): void {
    setFlags(this.attributes, SETSIGDEF | SETSIGMASK | SETSID);
    setSigDefault(this.attributes, Buffer.alloc(signalSetBytes, 0xff));
    setSigMask(this.attributes, Buffer.alloc(signalSetBytes));
  }

  #setDescriptors(options: SpawnOptions): void {
    const wanted = new Map<number, Stdio>([
      [0, options.stdin ?? "null"],
      [1, options.stdout ?? "null"],
      [2, options.stderr ?? "null"],
    ]);
    for (const [target, source] of Object.entries(options.fds ?? {})) wanted.set(Number(target), source);
    const last = Math.max(...wanted.keys());
    // Sources are numbered above every target first, so that no dup2 overwrites one that a later dup2 needs.
    const sources = [...wanted].map(([target, stdio]) => [target, this.#source(target, stdio, last + 1)] as const);
    for (const [target, source] of sources) {
      if (source === null) this.#add(addOpen(this.actions, target, "/dev/null", O_RDWR, 0));
      else this.#add(addDup2(this.actions, source, target));
    }
    for (let fd = 3; fd < last; fd++) if (!wanted.has(fd)) this.#add(addClose(this.actions, fd));
    this.#add(addCloseFrom(this.actions, last + 1));
  }

  /** The descriptor, numbered `least` or above, that becomes `target` in the child; null for /dev/null. */
  #source(target: number, stdio: Stdio, least: number): number | null {
    if (stdio === "null") return null;
    if (stdio === "pipe") return this.#high(this.#openPipe(target), least);
    return stdio >= least ? stdio : this.#keep(duplicate(stdio, least));
  }

  #openPipe(target: number): number {
    const { read, write } = pipe();
    this.#ownEnds.set(target === 0 ? "stdin" : target === 1 ? "stdout" : "stderr", target === 0 ? write : read);
    return this.#keep(target === 0 ? read : write);
  }

  #high(fd: number, least: number): number {
    return fd >= least ? fd : this.#keep(duplicate(fd, least));
  }

  #keep(fd: number): number {
    this.#childEnds.push(fd);
    return fd;
  }

  #add(errno: number): void {
    if (errno !== 0) throw new SystemError(errno, "posix_spawn_file_actions");
  }
}
