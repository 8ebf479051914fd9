import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "../linux/file/data.ts";

/**
 * Takes a registry's folder for this process, making it. The lock ends with the process, however that ends.
 *
 * @throws Error when another process has it.
 */
export const lockRoot = async (root: string): Promise<AsyncDisposable> => {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const file = await open(join(root, "lock"), "a", 0o600);
  if (tryLock(file.fd)) return { [Symbol.asyncDispose]: () => file.close() };
  await file.close();
  throw new RootInUse(root);
};

/** Another registry has the folder open. */
export class RootInUse extends Error {
  constructor(root: string) {
    super(`${root} is in use by another registry`);
    this.name = "RootInUse";
  }
}
