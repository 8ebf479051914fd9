import { isCode } from "../../../linux/error.ts";
import type { IdMapping } from "../../../linux/namespace/id-mapping.ts";
import { findxattr, listxattr } from "../../../linux/file/xattr.ts";
import { byteString } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { capabilityInside, capabilityXattr } from "../mapping/capability.ts";

/** Attributes that belong to a file wherever it goes; the others belong to this host (labels, overlay's own marks). */
const portable = /^(?:user\.(?!(?:overlay|fuseoverlayfs)\.)|security\.capability$)/;

const none: ReadonlyMap<ByteString, Buffer> = new Map();

/** The attributes of a file, by path (not followed) or descriptor, for an archive; with a mapping, as a container with it has them. */
export const portableXattrs = (path: Uint8Array | number, mapping?: IdMapping): ReadonlyMap<ByteString, Buffer> => {
  const names = listed(path).filter((name) => portable.test(name));
  if (names.length === 0) return none;
  const xattrs = new Map<ByteString, Buffer>();
  for (const name of names.sort()) {
    const value = findxattr(path, name);
    if (value === null) continue;
    xattrs.set(byteString(name), name === capabilityXattr ? capabilityInside(value, mapping) : value);
  }
  return xattrs;
};

const listed = (path: Uint8Array | number): string[] => {
  try {
    return listxattr(path);
  } catch (error) {
    // Removed meanwhile, or of a filesystem that has none.
    if (isCode(error, "ENOENT", "EACCES", "EPERM")) return [];
    throw error;
  }
};
