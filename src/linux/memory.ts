import { libc } from "./ffi.ts";

const mallopt = libc("mallopt", ["int", "int"]);
const mallocTrim = libc("malloc_trim", ["size_t"]);
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/** Blocks from here on are mappings of their own, given back when they are freed: the buffers of streams. */
const mappedBytes = 64 * 1024;
const keptBytes = 256 * 1024;
const arenasMax = 2;

/**
 * Makes libc give freed memory back: hundreds of megabytes a second pass through this process in buffers, from many
 * threads, and by default each thread keeps what it once had. To be called before threads are started.
 * **Source:** mallopt(3).
 */
export const giveBackMemory = (): void => {
  mallopt(M_ARENA_MAX, arenasMax);
  mallopt(M_MMAP_THRESHOLD, mappedBytes);
  mallopt(M_TRIM_THRESHOLD, keptBytes);
};

/** Gives back at once what is free between what is used. */
export const trimMemory = (): void => {
  mallocTrim(0);
};
