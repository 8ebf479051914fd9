import { fchmodSync, fchownSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { fchmodat, fchownat, futimens, utimensat } from "../../../linux/file/attributes.ts";
import { pathOf as descriptorPath } from "../../../linux/file/open.ts";
import type { IdMapping, Owner } from "../../../linux/namespace/id-mapping.ts";
import { setxattr } from "../../../linux/file/xattr.ts";
import { pathOf, textOf } from "../tar/entry.ts";
import type { ByteString, Entry } from "../tar/entry.ts";
import { capabilityOutside, capabilityXattr } from "../mapping/capability.ts";

/**
 * Gives an open regular file its owner, mode, attributes and times, in the order in which none undoes another. What the
 * file was born with (`born`) is not given again.
 */
export const applyToFile = (
  fd: number,
  entry: Entry,
  owner: Owner,
  born: { owner: boolean; mode: boolean },
  mapping?: IdMapping,
): void => {
  if (!born.owner) fchownSync(fd, owner.uid, owner.gid);
  // A change of owner takes setuid and setgid away.
  if (!born.mode) fchmodSync(fd, entry.mode);
  if (entry.xattrs.size > 0) applyXattrs(fd, entry, mapping);
  futimens(fd, entry.mtimeNs, entry.mtimeNs);
};

/** The same for anything else, by its name in an open directory. Times come last, by `applyTime`. */
export const applyByName = (
  directory: number,
  name: ByteString,
  entry: Entry,
  owner: Owner,
  mapping?: IdMapping,
): void => {
  fchownat(directory, pathOf(name), owner.uid, owner.gid);
  // A symlink has no mode, and chmod would follow it.
  if (entry.type !== "symlink") fchmodat(directory, pathOf(name), entry.mode);
  if (entry.xattrs.size > 0) applyXattrs(pathIn(directory, name), entry, mapping);
};

export const applyTime = (directory: number, name: ByteString, mtimeNs: bigint): void => {
  utimensat(directory, pathOf(name), mtimeNs, mtimeNs);
};

/** Where the kernel finds a name of an open directory, for calls that take no directory descriptor. */
export const pathIn = (directory: number, name: ByteString): Buffer =>
  Buffer.from(`${descriptorPath(directory)}/${name}`, "latin1");

/** Attributes by which overlay itself works: from an archive they could reach into other layers. */
const overlayPrefix = /^(?:trusted|user)\.(?:overlay|fuseoverlayfs)\./;

const applyXattrs = (target: number | Buffer, entry: Entry, mapping: IdMapping | undefined): void => {
  for (const [name, value] of entry.xattrs) {
    if (overlayPrefix.test(name)) continue;
    try {
      setxattr(target, textOf(name), name === capabilityXattr ? capabilityOutside(value, mapping) : value);
    } catch (error) {
      // As Docker: a filesystem without them is no reason to refuse an image, nor is `user.` on a symlink or device.
      if (isCode(error, "ENOTSUP", "EOPNOTSUPP") || (isCode(error, "EPERM") && name.startsWith("user."))) continue;
      throw error;
    }
  }
};
