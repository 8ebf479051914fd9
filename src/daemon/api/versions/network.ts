import type { EndpointSettings, NetworkConnectRequest } from "../../../wire/engine/network.ts";
import type { VersionStep } from "../version-step.ts";

/** **Source:** Engine API version history. */
export const networkSteps: readonly VersionStep[] = [
  {
    version: 48,
    routes: ["POST /networks/create"],
    body: (body: { EnableIPv4?: boolean }) => void delete body.EnableIPv4,
  },
  {
    version: 48,
    routes: ["POST /networks/{id}/connect"],
    body: (body: NetworkConnectRequest) =>
      void delete (body.EndpointConfig as EndpointSettings | undefined)?.GwPriority,
  },
];
