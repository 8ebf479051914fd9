import { type IdMapping, type Owner, overflowId, rootOwner, toContainer } from "../../../linux/namespace/id-mapping.ts";

/** Whose a file is for a container that sees it through a mapping; what is not mapped is nobody's, as the kernel has it. */
export const ownerInside = ({ uid, gid }: Owner, mapping: IdMapping | undefined): Owner =>
  mapping === undefined
    ? { uid, gid }
    : {
        uid: toContainer(mapping.uids, uid) ?? overflowId,
        gid: toContainer(mapping.gids, gid) ?? overflowId,
      };

/** struct vfs_ns_cap_data: revision 3 is revision 2 with the root user of a namespace behind it. */
const revisionMask = 0xff000000;
const revision2 = 0x02000000;
const revision3 = 0x03000000;
const dataBytes = 20;
const rootIdBytes = 4;

/**
 * File capabilities as the container has them: those that hold for its root alone, seen from outside, are plain ones in it.
 * **Source:** capabilities(7), "Namespaced file capabilities".
 */
export const capabilityInside = (value: Buffer, mapping: IdMapping | undefined): Buffer => {
  if (mapping === undefined || value.length !== dataBytes + rootIdBytes) return value;
  const magic = value.readUInt32LE(0);
  const isOurs = value.readUInt32LE(dataBytes) === rootOwner(mapping).uid;
  if ((magic & revisionMask) !== revision3 || !isOurs) return value;
  const plain = Buffer.from(value.subarray(0, dataBytes));
  plain.writeUInt32LE(((magic & ~revisionMask) | revision2) >>> 0, 0);
  return plain;
};
