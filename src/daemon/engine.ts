import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import type { Log } from "../base/logger.ts";
import { detect } from "../linux/cgroup/layout.ts";
import { listen, parseHost } from "./api/listener.ts";
import { allRoutes } from "./api/routes/index.ts";
import { Api } from "./api/server.ts";
import { maxApiVersion, minApiVersion } from "./api/version.ts";
import { versionSteps } from "./api/versions/index.ts";
import type { EngineConfig } from "./config/config.ts";
import { applyReload } from "./config/load.ts";
import { lockDataRoot, lockExecRoot } from "./lock.ts";
import { EventLog } from "./event/log.ts";
import { openRooms } from "./rooms.ts";
import { Database } from "./state/database.ts";
import { readHostFacts } from "./system/host.ts";
import { engineVersion } from "./system/identity.ts";
import { SystemService } from "./system/service.ts";

export interface EngineOptions {
  log: Log;
  /** Each call's steps go to the log. */
  trace?: boolean;
  environment?: NodeJS.ProcessEnv;
}

/** A running engine. Disposing of it stops serving and lets go of everything; containers run on. */
export interface Engine extends AsyncDisposable {
  /** Where the API listens, as `docker -H` takes it. */
  readonly addresses: readonly string[];
  readonly events: EventLog;
  /** Takes over what may change while the engine runs, and tells of it. */
  reload(newer: EngineConfig): void;
}

const socketPath = "/run/berth.sock";
const dockerSocketPath = "/run/docker.sock";

/**
 * Builds an engine from its configuration and lets it listen. Nothing is shared with other engines in the process.
 * @throws system when the data root is in use or no address can be had, in dockerd's words.
 */
export const createEngine = async (config: EngineConfig, options: EngineOptions): Promise<Engine> => {
  const { log } = options;
  await using stack = new AsyncDisposableStack();
  stack.use(lockDataRoot(config.dataRoot));
  stack.use(lockExecRoot(config.execRoot));
  const database = stack.use(Database.open(join(config.dataRoot, "engine.db")));
  const events = new EventLog(database);
  const id = engineId(database);
  const cgroups = detect();
  const rooms = stack.use(
    await openRooms({ config, database, cgroups, clock: systemClock(), log, id, trace: options.trace ?? false }),
  );

  const system = new SystemService(
    { config, id, cgroups, host: readHostFacts(), eventReaders: () => events.readers, ...rooms.system },
    { newest: maxApiVersion, oldest: minApiVersion },
  );
  const { containers, images, networks, volumes } = rooms;
  const api = new Api({
    identity: { version: engineVersion, experimental: config.experimental },
    routes: allRoutes({ containers, images, networks, volumes, system, events }),
    steps: versionSteps,
    onPing: () => rooms.expectStart(),
    onError: (error, what) => log("error", `Handler for ${what} returned error`, error),
    ...(options.trace === true ? { onTrace: (line: string) => log("info", line) } : {}),
  });

  const addresses: string[] = [];
  for (const host of hostsOf(config, rooms.dockerNames)) {
    const listeners = await listen(parseHost(host), () => api.createServer(), {
      group: config.group,
      environment: options.environment ?? process.env,
      onWarning: (message) => log("warn", message),
      refuses: rooms.mayBeContainer,
    });
    for (const listener of listeners) addresses.push(stack.use(listener).address);
  }
  for (const address of addresses) log("info", `API listen on ${address}`);

  const owned = stack.move();
  return {
    addresses,
    events,
    reload: (newer) => {
      applyReload(config, newer);
      database.emit({ Type: "daemon", Action: "reload", Actor: { ID: id, Attributes: reloadAttributes(config) } });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

/** Without `--host` the engine has its own socket, and Docker's too when it has Docker's names. */
const hostsOf = ({ hosts }: EngineConfig, dockerNames: boolean): readonly string[] => {
  if (hosts.length > 0) return hosts;
  return dockerNames ? [`unix://${socketPath}`, `unix://${dockerSocketPath}`] : [`unix://${socketPath}`];
};

/** Chosen at the first start on a data root. */
const engineId = (database: Database): string => {
  const settings = database.table<{ id: string }>("settings");
  const known = settings.get("engine")?.id;
  if (known !== undefined) return known;
  const id = randomUUID();
  database.transaction((transaction) => transaction.put(settings, "engine", { id }));
  return id;
};

const reloadAttributes = (config: EngineConfig): Record<string, string> => ({
  name: hostname(),
  debug: String(config.debug),
  labels: JSON.stringify(config.labels),
  "insecure-registries": JSON.stringify(config.images.insecureRegistries),
  "registry-mirrors": JSON.stringify(config.images.registryMirrors),
  "max-concurrent-downloads": String(config.images.maxConcurrentDownloads),
  "max-concurrent-uploads": String(config.images.maxConcurrentUploads),
  "max-download-attempts": String(config.images.maxDownloadAttempts),
  "default-runtime": config.containers.defaultRuntime,
  "live-restore": "true",
  "shutdown-timeout": String(config.shutdownTimeoutSeconds),
});
