import { type IdMapping, rootOwner } from "../../../linux/namespace/id-mapping.ts";

export const capabilityXattr = "security.capability";

// struct vfs_ns_cap_data: revision 3 is revision 2 with the root user of a namespace behind it.
const revisionMask = 0xff000000;
const revision2 = 0x02000000;
const revision3 = 0x03000000;
const dataBytes = 20;
const rootIdBytes = 4;

const revisionOf = (value: Buffer): number => (value.length < 4 ? 0 : value.readUInt32LE(0) & revisionMask);

const withRevision = (value: Buffer, revision: number): Buffer => {
  value.writeUInt32LE(((value.readUInt32LE(0) & ~revisionMask) | revision) >>> 0, 0);
  return value;
};

/**
 * File capabilities as the container has them: those that hold for its root alone, seen from outside, are plain ones in it.
 * **Source:** capabilities(7), "Namespaced file capabilities".
 */
export const capabilityInside = (value: Buffer, mapping: IdMapping | undefined): Buffer => {
  if (mapping === undefined || value.length !== dataBytes + rootIdBytes || revisionOf(value) !== revision3)
    return value;
  if (value.readUInt32LE(dataBytes) !== rootOwner(mapping).uid) return value;
  return withRevision(Buffer.from(value.subarray(0, dataBytes)), revision2);
};

/** The other way: plain ones are its root's. The kernel would take them for those of the host's root, and refuse. */
export const capabilityOutside = (value: Buffer, mapping: IdMapping | undefined): Buffer => {
  if (mapping === undefined || value.length !== dataBytes || revisionOf(value) !== revision2) return value;
  const rootId = Buffer.alloc(rootIdBytes);
  rootId.writeUInt32LE(rootOwner(mapping).uid, 0);
  return withRevision(Buffer.concat([value, rootId]), revision3);
};
