import { check, libc, libcAsync } from "../ffi.ts";

const ioctlCall = libc("ioctl", ["int", "ulong", "void *"]);

type Direction = "none" | "write" | "read" | "both";
const directions: Record<Direction, number> = { none: 0, write: 1, read: 2, both: 3 };

/**
 * The number of an ioctl, as the kernel's macros _IO, _IOW ("write": to the kernel), _IOR and _IOWR make it.
 * **Source:** include/uapi/asm-generic/ioctl.h, the same on x86-64 and arm64.
 */
export const ioctlNumber = (direction: Direction, type: number, number: number, sizeBytes: number): number =>
  directions[direction] * 2 ** 30 + sizeBytes * 2 ** 16 + type * 2 ** 8 + number;

/** Asks a filesystem something about an open file or directory; no O_PATH descriptor. @throws SystemError of errno */
export const ioctl = (fd: number, request: number, argument: Uint8Array | null, name: string, path?: string): number =>
  check(ioctlCall(fd, request, argument), `ioctl ${name}`, path);

const ioctlAsyncCall = libcAsync("ioctl", ["int", "ulong", "void *"]);

/**
 * The same on a thread of libuv's pool, for what waits for the disk. The descriptor stays open until it settles.
 * A call that failed there, where its errno is lost, is made once more here.
 */
export const ioctlBehind = async (
  fd: number,
  request: number,
  argument: Uint8Array | null,
  name: string,
  path?: string,
): Promise<void> => {
  if ((await ioctlAsyncCall(fd, request, argument)) < 0) ioctl(fd, request, argument, name, path);
};
