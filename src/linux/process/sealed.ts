import { closeSync, fchmodSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { check, libc } from "../ffi.ts";

const memfdCreate = libc("memfd_create", ["str", "uint"]);
const fcntl = libc("fcntl", ["int", "int", "int"]);
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Linux 6.3: says that the file may be executed, whatever `vm.memfd_noexec` makes the default. */
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
/** SEAL, SHRINK, GROW, WRITE: nothing about the file can change any more. */
const allSeals = 1 | 2 | 4 | 8;

/**
 * A copy of a program in memory that nothing can change, to be executed by its descriptor.
 *
 * OCI runtimes make such a copy of themselves at every start and execute it, because a container must not be able to
 * write to the runtime through /proc/PID/exe; one that is sealed already saves them the copy and the second exec.
 *
 * **Source:** memfd_create(2), fcntl(2) F_ADD_SEALS, CVE-2019-5736.
 */
export class SealedProgram implements Disposable {
  readonly path: string;
  #fd: number | null = null;
  /** What the file was when it was copied. */
  #version = "";

  constructor(path: string) {
    this.path = path;
  }

  /** The copy, open for reading and closed in programs that are executed; made again when the file has changed. null: not to be had here. */
  fd(): number | null {
    try {
      const { dev, ino, mtimeNs, size } = statSync(this.path, { bigint: true });
      const version = [dev, ino, mtimeNs, size].join(":");
      if (version !== this.#version) {
        this[Symbol.dispose]();
        this.#fd = seal(this.path);
        this.#version = version;
      }
      return this.#fd;
    } catch {
      // Executed by its path then, which says what is wrong if that fails too.
      return null;
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#version = "";
  }
}

const seal = (path: string): number => {
  const program = readFileSync(path);
  const writable = create(path.split("/").at(-1) ?? "program");
  try {
    for (let written = 0; written < program.length;) written += writeSync(writable, program, written);
    fchmodSync(writable, 0o755);
    check(fcntl(writable, F_ADD_SEALS, allSeals), "fcntl", path);
    // A file that anybody has open for writing cannot be executed.
    return openSync(`/proc/self/fd/${writable}`, "r");
  } finally {
    closeSync(writable);
  }
};

const create = (name: string): number => {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = memfdCreate(name, flags | MFD_EXEC);
  return fd >= 0 ? fd : check(memfdCreate(name, flags), "memfd_create", name);
};
