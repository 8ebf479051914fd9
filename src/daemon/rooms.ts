import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/logger.ts";
import type { CgroupLayout } from "../linux/cgroup/layout.ts";
import type { EngineConfig } from "./config/config.ts";
import { ContainerViews } from "./container/archive/views.ts";
import type { ContainerRecord } from "./container/record.ts";
import { imageLayers, neededLayers, writableLayers } from "./container/image-mounts.ts";
import { ContainerService } from "./container/service.ts";
import { isPaused, isRunning } from "./container/state.ts";
import { ContainerStore } from "./container/store.ts";
import { ImageService } from "./image/service.ts";
import { containerContext } from "./rooms/container.ts";
import { openContent } from "./rooms/content.ts";
import { openNetwork } from "./rooms/network.ts";
import { openRemaps } from "./rooms/remap.ts";
import { openRuntime } from "./rooms/runtime.ts";
import type { Services } from "./services.ts";
import type { Database } from "./state/database.ts";
import { readComponents } from "./system/components.ts";
import type { SystemContext } from "./system/context.ts";
import { registryAccess } from "./rooms/registry.ts";
import { DiskSurvey } from "./system/disk/survey.ts";
import { engineVersion } from "./system/identity.ts";
import { VolumeService } from "./volume/service.ts";

/** How often what has expired is looked for, besides whenever something is removed. */
const collectEveryMs = 60 * 60 * 1000;

/** What every room of the engine is built from. */
export interface Ground {
  config: EngineConfig;
  database: Database;
  cgroups: CgroupLayout;
  clock: Clock;
  log: Log;
  /** This engine's id. */
  id: string;
  /** The steps of each start go to the log. */
  trace: boolean;
}

/** The services of the engine, and what `/info` and its kind are made from. */
export interface Rooms extends Pick<Services, "containers" | "images" | "networks" | "volumes">, AsyncDisposable {
  /** The engine has Docker's names on this machine, its socket too. */
  dockerNames: boolean;
  /** A client has begun a command, and it may start a process. */
  expectStart: () => void;
  /** Whether a connection from an address may be a container's. */
  mayBeContainer: (address: string) => boolean;
  system: Omit<SystemContext, "config" | "id" | "cgroups" | "host" | "eventReaders">;
}

/** Builds the services, each from those below it, and restores what the last daemon left running. */
export const openRooms = async (ground: Ground): Promise<Rooms> => {
  const { config, database, cgroups, clock, log, id } = ground;
  await using stack = new AsyncDisposableStack();
  mkdirSync(join(config.dataRoot, "tmp"), { recursive: true, mode: 0o700 });
  const store = new ContainerStore(database);
  const content = await openContent(config, database, clock, [
    () => images.roots(),
    () => ({ blobs: [], layers: [...store.values()].flatMap(neededLayers) }),
  ]);
  stack.use(content.workers);
  stack.use(content.durability);
  const runtime = await openRuntime(config, cgroups, log);
  stack.use(runtime.runtime);
  const remaps = stack.use(await openRemaps(config, content.layers.driver, runtime.shimPath, log));
  const networks = stack.use(await openNetwork(config, database, clock, id, log));
  const volumes = new VolumeService({
    root: join(config.dataRoot, "volumes"),
    clock,
    database,
    workers: content.workers,
  });
  const images = new ImageService({
    database,
    blobs: content.blobs,
    layers: content.layers,
    leases: content.leases,
    collect: () => content.collector.collect(),
    clock,
    driverName: content.layers.driver.name,
    engineVersion,
    registry: registryAccess(config.images),
    keepLayerBlobs: config.images.keepLayerBlobs,
  });
  const context = containerContext({
    ...ground,
    containers: store,
    content,
    remaps,
    runtime,
    images,
    networks,
    volumes,
    views: stack.use(new ContainerViews()),
  });
  const containers = stack.use(new ContainerService(context));
  images.users = () => containers.imageUses();
  await content.layers.restore([...store.values()].flatMap(writableLayers), {
    lossOfPower: content.durability.isNewBoot,
  });
  reportLost(await content.durability.recover(), log);
  await images.restore();
  await containers.restore();
  await volumes.restore([...store.values()].map(volumeUse));
  const collect = (): void => {
    content.blobs.partials.prune();
    void images.collect().catch((error: unknown) => log("warn", "collecting unused content", error));
  };
  collect();
  // What was kept for a pull to go on with ends some time after nobody did.
  stack.adopt(setInterval(collect, collectEveryMs).unref(), clearInterval);

  const services = { containers, images, networks, volumes };
  const components = readComponents();
  const owned = stack.move();
  return {
    ...services,
    dockerNames: networks.names.claim === "docker",
    expectStart: () => runtime.runtime.expectStart(),
    mayBeContainer: (address) => networks.mayBeContainer(address),
    system: {
      cgroupDriver: runtime.cgroupDriver,
      apparmor: runtime.host.apparmor,
      userNamespaces: remaps.current !== null,
      firewallBackend: networks.firewallName,
      counts: () => counts(store, images),
      storage: { name: content.layers.driver.name, status: () => content.layers.driver.status() },
      runtimes: () => Object.fromEntries(runtime.runtimes.map(({ name, path }) => [name, { path }])),
      defaultRuntime: () => runtime.defaultRuntime,
      components: () => components,
      drivers: {
        volume: ["local"],
        network: ["bridge", "host", "null"],
        log: ["json-file", "local", "none"],
      },
      containers: services.containers,
      images: {
        list: (options) => services.images.list(options),
        layers: () => images.layersOfAll(),
      },
      disk: new DiskSurvey({
        dataRoot: config.dataRoot,
        driverName: content.layers.driver.name,
        measure: (units) => content.workers.run("disk", { units }),
        layers: () => content.layers.all(),
        containers: () => [...store.values()].map((record) => ({ id: record.id, layers: imageLayers(record) })),
      }),
      volumes: { usage: async () => ({ Volumes: await volumes.usage(), Warnings: null }) },
      login: (credentials, signal) => images.login(credentials, signal),
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

/** After a power loss: content that had not reached the disk is gone, and its images with it. */
const reportLost = ({ layers, blobs }: { layers: string[]; blobs: string[] }, log: Log): void => {
  for (const lost of [...layers, ...blobs]) {
    log("error", `${lost} was damaged by a loss of power and is removed: pull or load its image again`);
  }
};

const volumeUse = ({
  id,
  mounts,
  state,
}: Readonly<ContainerRecord>): { id: string; volumes: string[]; running: boolean } => ({
  id,
  volumes: mounts.flatMap((mount) => (mount.Type === "volume" && mount.Name ? [mount.Name] : [])),
  running: isRunning(state),
});

const counts = (
  store: ContainerStore,
  images: ImageService,
): { running: number; paused: number; stopped: number; images: number } => {
  const states = [...store.values()].map(({ state }) => state);
  const paused = states.filter(isPaused).length;
  const running = states.filter(isRunning).length - paused;
  return { running, paused, stopped: states.length - running - paused, images: images.list().length };
};
