import type { EventInput } from "../event/event.ts";
import type { NetworkContext } from "./context.ts";
import { networkOf } from "./find.ts";
import type { EndpointRecord } from "./record.ts";

/** "network connect" and "network disconnect" of a container. */
export const networkEvent = (
  context: NetworkContext,
  action: "connect" | "disconnect",
  endpoint: EndpointRecord,
  containerId: string,
): EventInput => {
  const { id, name, driver } = networkOf(context, endpoint.networkId);
  return {
    Type: "network",
    Action: action,
    Actor: { ID: id, Attributes: { container: containerId, name, type: driver } },
    scope: "local",
  };
};
