/** A range of ids: those of a namespace, and what they are outside. **Source:** user_namespaces(7). */
export interface IdRange {
  containerId: number;
  hostId: number;
  size: number;
}

/** How users and groups of a user namespace are seen outside it. */
export interface IdMapping {
  uids: readonly IdRange[];
  gids: readonly IdRange[];
}

/** Who owns a file. */
export interface Owner {
  uid: number;
  gid: number;
}

/** What the kernel shows for an id that has none in the namespace (/proc/sys/kernel/overflowuid). */
export const overflowId = 65534;

/** The id outside; undefined for one that is not mapped. */
export const toHost = (ranges: readonly IdRange[], id: number): number | undefined => {
  const range = ranges.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return range === undefined ? undefined : id - range.containerId + range.hostId;
};

/** The id inside; undefined for one that is not mapped. */
export const toContainer = (ranges: readonly IdRange[], id: number): number | undefined => {
  const range = ranges.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return range === undefined ? undefined : id - range.hostId + range.containerId;
};

/** The owner outside of what belongs to root inside. @throws RangeError for a mapping without a root */
export const rootOwner = ({ uids, gids }: IdMapping): Owner => {
  const [uid, gid] = [toHost(uids, 0), toHost(gids, 0)];
  if (uid === undefined || gid === undefined) throw new RangeError("a mapping without a root");
  return { uid, gid };
};

/** Text for uid_map and gid_map. */
export const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join("");
