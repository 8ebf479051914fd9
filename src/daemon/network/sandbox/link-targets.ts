import type { EndpointSettings } from "../../../wire/engine/network.ts";
import { isUserDefined } from "../find.ts";
import type { NetworkRecord } from "../record.ts";

/**
 * `--link NAME:ALIAS` on a network with DNS: names that only this container knows, for others on the same network.
 * @returns alias → name of the other container; it is looked up when it is asked for, as the other may start later.
 */
export const linkTargets = (network: NetworkRecord, settings: EndpointSettings): Record<string, string> =>
  isUserDefined(network)
    ? Object.fromEntries(
        (settings.Links ?? []).map((link) => {
          const [name = "", alias = name] = link.split(":", 2);
          return [alias, name.replace(/^\//, "")];
        }),
      )
    : {};
