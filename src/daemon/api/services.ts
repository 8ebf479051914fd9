import type { SystemInfo, SystemVersion } from "../../wire/engine/system.ts";

/** What the routes of the system need of `src/daemon/system`. */
export interface SystemService {
  version(): SystemVersion;
  info(): Promise<SystemInfo>;
}
