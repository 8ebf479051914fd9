import koffi from "koffi";
import { SystemError } from "./error.ts";

/**
 * The one door to libc. Every other file of `src/linux` declares its calls with `libc` or `syscall` and reads failures
 * through `check`, so that a call is one line and its error carries errno, name and path.
 *
 * The numbers of `syscall` are the generic ones (≥ 424), equal on every architecture since Linux 5.1.
 *
 * **Source:** koffi.dev, syscalls(2), errno(3).
 */
const library = koffi.load("libc.so.6");

/** A C parameter or result: `str` takes a JS string (UTF-8, NUL added) or a NUL-terminated Buffer; `void *` a Buffer. */
export type CType = "int" | "uint" | "long" | "ulong" | "int64" | "size_t" | "str" | "str *" | "void *";
type Argument = number | bigint | string | Uint8Array | ArrayBufferView | readonly (string | null)[] | null;
type Call = (...args: Argument[]) => number;

/** A function of libc by its name. */
export const libc = (name: string, parameters: CType[], result: CType = "int"): Call =>
  library.func(name, result, parameters) as unknown as Call;

/** A system call by its generic number, for those that an older libc has no wrapper of. */
export const syscall = (number: number, parameters: CType[]): Call => {
  const call = library.func("syscall", "long", ["long", ...parameters]) as unknown as Call;
  return (...args) => call(number, ...args);
};

/** The result of a call just made. @throws SystemError of errno when it is negative. */
export const check = (result: number, name: string, path?: string | Uint8Array): number => {
  if (result < 0) throw failure(name, path);
  return result;
};

/** The error of the call just made, from errno. Nothing may be called in between. */
export const failure = (name: string, path?: string | Uint8Array): SystemError =>
  new SystemError(koffi.errno(), name, typeof path === "object" ? printable(path) : path);

/** The errno that the call just made left behind. */
export const lastErrno = (): number => koffi.errno();

/** Name and bytes of a path: JS strings as they are, bytes with the NUL that C wants. */
export const cString = (path: string | Uint8Array): string | Buffer => {
  if (typeof path !== "string") return Buffer.concat([path, Buffer.alloc(1)]);
  if (path.includes("\0")) throw new SystemError(22 /* EINVAL */, "open", path.replaceAll("\0", "\\0"));
  return path;
};

/** Where a buffer's bytes are, for a structure that points to them; whoever hands it on keeps the buffer. */
export const addressOf = (buffer: Buffer): bigint => koffi.address(buffer);

const printable = (path: Uint8Array): string => Buffer.from(path.buffer, path.byteOffset, path.length).toString();

/** As `libc`, but the call runs on a thread of libuv's pool: for calls that block. errno is lost: look elsewhere for it. */
export const libcAsync = (name: string, parameters: CType[], result: CType = "int") => {
  const call = library.func(name, result, parameters) as unknown as {
    async: (...args: [...Argument[], (error: Error | null, result: number) => void]) => void;
  };
  return (...args: Argument[]): Promise<number> =>
    new Promise((resolve, reject) => {
      call.async(...args, (error, value) => (error === null ? resolve(value) : reject(error)));
    });
};
