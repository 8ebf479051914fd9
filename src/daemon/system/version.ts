import type { SystemVersion } from "../../wire/engine/system.ts";
import type { SystemContext } from "./context.ts";
import { berthVersion, engineVersion } from "./identity.ts";

/** The window of the API, which only the API knows. */
export interface ApiWindow {
  newest: string;
  oldest: string;
}

/** When this version was made. A checkout has no build: the day of the release whose API it serves stands in. */
const buildTime = "2026-11-21T00:00:00.000000000+00:00";

/** The document of `/version`. **Source:** Engine API, SystemVersion. */
export const version = async (context: SystemContext, api: ApiWindow): Promise<SystemVersion> => {
  const { host, config } = context;
  const details = {
    ApiVersion: api.newest,
    Arch: host.architecture,
    BuildTime: buildTime,
    Experimental: String(config.experimental),
    GitCommit: "",
    GoVersion: `node${process.versions.node}`,
    KernelVersion: host.kernelVersion,
    MinAPIVersion: api.oldest,
    Os: "linux",
  };
  const others = (await context.components()).map(({ name, version: Version, commit }) => ({
    Name: name,
    Version,
    Details: { GitCommit: commit },
  }));
  return {
    Platform: { Name: `Berth ${berthVersion}` },
    Components: [{ Name: "Engine", Version: engineVersion, Details: details }, ...others],
    Version: engineVersion,
    ApiVersion: api.newest,
    MinAPIVersion: api.oldest,
    GitCommit: "",
    GoVersion: details.GoVersion,
    Os: "linux",
    Arch: host.architecture,
    KernelVersion: host.kernelVersion,
    ...(config.experimental ? { Experimental: true } : {}),
    BuildTime: buildTime,
  };
};
