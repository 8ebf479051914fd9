import { check, failure, libc } from "../ffi.ts";
import type { Owner } from "../namespace/id-mapping.ts";

const setfsuid = libc("setfsuid", ["uint"]);
const setfsgid = libc("setfsgid", ["uint"]);
const capget = libc("capget", ["void *", "void *"]);
const capset = libc("capset", ["void *", "void *"]);
/** _LINUX_CAPABILITY_VERSION_3: two sets of effective, permitted, inheritable, 32 bits each. */
const capabilityVersion = 0x20080522;
const setBytes = 12;
const headerBytes = 8;
/** An id that no process can have: setfsuid(2) changes nothing then and tells which it is. */
const nobody = 0xffffffff;

/**
 * Runs synchronous work so that what this thread makes belongs to `owner`, its capabilities kept. On a mount that maps
 * owners nothing can be made in the name of one who is not mapped, which the daemon's own root is not.
 *
 * @throws what `work` does. When there is no way back the process is not fit to go on: it aborts.
 *
 * **Source:** setfsuid(2), capabilities(7); both are of the thread.
 */
export const withFileOwner = <T>(
  owner: Owner | undefined,
  work: () => T extends PromiseLike<unknown> ? never : T,
): T => {
  if (owner === undefined) return work();
  const before = capabilities();
  const [uid, gid] = [setfsuid(nobody), setfsgid(nobody)];
  try {
    setfsgid(owner.gid);
    setfsuid(owner.uid);
    // The change of the user took those away that bear on files.
    if (owner.uid !== uid) setCapabilities(withPermitted(before));
    return work();
  } finally {
    setfsuid(uid);
    setfsgid(gid);
    if (setfsuid(nobody) !== uid || setfsgid(nobody) !== gid) abandon();
    setCapabilities(before);
  }
};

const header = (): Buffer => {
  const buffer = Buffer.alloc(headerBytes);
  buffer.writeUInt32LE(capabilityVersion, 0);
  return buffer;
};

const capabilities = (): Buffer => {
  const sets = Buffer.alloc(2 * setBytes);
  check(capget(header(), sets), "capget");
  return sets;
};

const setCapabilities = (sets: Buffer): void => void check(capset(header(), sets), "capset");

/** Everything that may be used is. */
const withPermitted = (sets: Buffer): Buffer => {
  const all = Buffer.from(sets);
  for (const at of [0, setBytes]) all.writeUInt32LE(sets.readUInt32LE(at + 4), at);
  return all;
};

const abandon = (): never => {
  process.stderr.write(`cannot return to the thread's own file owner: ${failure("setfsuid").message}\n`);
  process.abort();
};
