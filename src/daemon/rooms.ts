import type { Clock } from "../base/clock.ts";
import { notImplemented } from "../base/errors.ts";
import type { Log } from "../base/logger.ts";
import type { CgroupLayout } from "../linux/cgroup/layout.ts";
import type { Services } from "./services.ts";
import type { EngineConfig } from "./config/config.ts";
import type { Database } from "./state/database.ts";
import { readComponents } from "./system/components.ts";
import type { SystemContext } from "./system/context.ts";

/** What every room of the engine is built from. */
export interface Ground {
  config: EngineConfig;
  database: Database;
  cgroups: CgroupLayout;
  clock: Clock;
  log: Log;
  /** This engine's id. */
  id: string;
}

/** The services of the engine, and what `/info` and its kind are made from. */
export interface Rooms extends Pick<Services, "containers" | "images" | "networks" | "volumes">, AsyncDisposable {
  /** The engine has Docker's names on this machine, its socket too. */
  dockerNames: boolean;
  system: Omit<SystemContext, "config" | "id" | "cgroups" | "host" | "eventReaders">;
}

/** Builds the services, each from those below it, and restores what the last daemon left running. */
export const openRooms = async (_ground: Ground): Promise<Rooms> => {
  const components = readComponents();
  return {
    containers: absent("containers"),
    images: absent("images"),
    networks: absent("networks"),
    volumes: absent("volumes"),
    dockerNames: false,
    system: {
      cgroupDriver: "cgroupfs",
      firewallBackend: "",
      counts: () => ({ running: 0, paused: 0, stopped: 0, images: 0 }),
      storage: { name: "", status: () => [] },
      runtimes: () => ({}),
      defaultRuntime: () => "",
      components: () => components,
      drivers: { volume: [], network: [], log: [] },
      containers: absent("containers"),
      images: absent("images"),
      volumes: absent("volumes"),
      login: () => Promise.reject(notImplemented("this engine has no registry client yet")),
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};

/** A room that is not built yet: whatever is asked of it, it says so. */
const absent = <T extends object>(room: string): T =>
  new Proxy({} as T, {
    get: () => () => Promise.reject(notImplemented(`${room} are not part of this engine yet`)),
  });
