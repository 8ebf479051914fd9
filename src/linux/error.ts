import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** Node makes the whole table anew for every question, and some failures are a way to ask. */
const described = new Map<number, [code: string, message: string]>();

/** `[name, message]` of an errno: Node's words where it has any, else the name alone. */
const describe = (errno: number): [code: string, message: string] => {
  const found = described.get(errno) ?? lookUp(errno);
  described.set(errno, found);
  return found;
};

const lookUp = (errno: number): [code: string, message: string] => {
  const known = getSystemErrorMap().get(-errno);
  if (known !== undefined) return known;
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`;
  return [name, name];
};

/**
 * A system call that failed. `code` is the symbolic name ("ENOENT"), `errno` the kernel's positive number, `path` the
 * file the call was about when there is one. Node's own `fs` errors have the same `code`, `syscall` and `path`.
 */
export class SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(errno: number, syscall: string, path?: string, detail?: string) {
    const [code, message] = describe(errno);
    const about = path === undefined ? "" : ` '${path}'`;
    super(`${code}: ${message}, ${syscall}${about}${detail === undefined ? "" : `: ${detail}`}`);
    this.name = "SystemError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}

/** The symbolic code of an error of the system, of this module's or of Node's: "ENOENT"; undefined for anything else. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** True for an error of the system with one of these codes. */
export const isCode = (error: unknown, ...codes: string[]): boolean => codes.includes(codeOf(error) ?? "");
