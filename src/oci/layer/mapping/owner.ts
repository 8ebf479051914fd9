import {
  type IdMapping,
  type IdRange,
  type Owner,
  overflowId,
  toContainer,
  toHost,
} from "../../../linux/namespace/id-mapping.ts";
import { TarError } from "../tar/error.ts";

/** Whose a file is for a container that sees it through a mapping; what is not mapped is nobody's, as the kernel has it. */
export const ownerInside = ({ uid, gid }: Owner, mapping: IdMapping | undefined): Owner =>
  mapping === undefined
    ? { uid, gid }
    : {
        uid: toContainer(mapping.uids, uid) ?? overflowId,
        gid: toContainer(mapping.gids, gid) ?? overflowId,
      };

/** Whose a file of a container is outside. @throws TarError for an owner that the container has not */
export const ownerOutside = ({ uid, gid }: Owner, mapping: IdMapping | undefined): Owner =>
  mapping === undefined ? { uid, gid } : { uid: outside(mapping.uids, uid), gid: outside(mapping.gids, gid) };

const outside = (ranges: readonly IdRange[], id: number): number => {
  const found = toHost(ranges, id);
  if (found === undefined) throw new TarError(`container ID ${id} cannot be mapped to a host ID`);
  return found;
};
