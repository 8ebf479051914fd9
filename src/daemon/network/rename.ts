import type { NetworkContext } from "./context.ts";
import { dnsNames } from "./sandbox/plan.ts";

/** Follows a container's new name: in inspect, and in the names that others call it by. */
export const rename = (context: NetworkContext, containerId: string, name: string): void => {
  const sandbox = context.sandboxes.get(containerId);
  if (sandbox === undefined) return;
  const { hostname } = sandbox;
  const record = {
    ...sandbox,
    containerName: name,
    endpoints: sandbox.endpoints.map((endpoint) =>
      endpoint.dnsNames.length === 0
        ? endpoint
        : {
            ...endpoint,
            dnsNames: dnsNames({ containerId, containerName: name, hostname, settings: endpoint.settings }),
          },
    ),
  };
  context.database.lightTransaction((transaction) => transaction.put(context.sandboxes, containerId, record));
  context.dns.update(record);
};
