import type { Owner } from "../../../linux/namespace/id-mapping.ts";
import type { OciIdMapping, OciSpec } from "../../../wire/oci/runtime.ts";

/** Who the container's root is on the host, when it has a user namespace. */
export const rootOutside = ({ linux: { uidMappings, gidMappings } }: OciSpec): Owner | undefined => {
  const [uid, gid] = [outside(uidMappings), outside(gidMappings)];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
};

const outside = (mappings: OciIdMapping[] | undefined): number | undefined =>
  mappings?.find(({ containerID }) => containerID === 0)?.hostID;
