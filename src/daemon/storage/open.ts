import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EngineError, isKind, messageOf, notImplemented } from "../../base/errors.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { StorageDriver } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { parseDriverOptions } from "./options.ts";
import type { DriverOptions } from "./options.ts";

/** Which is taken when none is asked for, the best first. **Source:** Docker's graphdriver, priority. */
const priority = ["overlay2", "fuse-overlayfs", "btrfs", "vfs"];
/** Drivers that Docker had once, and says so. */
const removed = ["aufs", "devicemapper"];

export interface StorageChoice {
  dataRoot: string;
  /** `--storage-driver`; "" leaves it to what kernel and filesystem can. */
  asked: string;
  /** `--storage-opt` */
  options: readonly string[];
  /** The driver that the data root was used with, if it was. */
  prior: string | null;
  /** Layers or containers are in it. */
  isUsed: boolean;
  workers: LayerWorkers;
}

/**
 * Opens the storage driver of a data root: the one that its layers are in, the one that was asked for, or the best that
 * works there.
 *
 * @throws EngineError in dockerd's words: a driver that is unknown or does not work there, an option that is unknown; a
 * data root with layers of another driver than the one that is asked for
 */
export const openStorage = async (choice: StorageChoice): Promise<StorageDriver> => {
  const { asked, prior, isUsed } = choice;
  mkdirSync(choice.dataRoot, { recursive: true, mode: 0o710 });
  try {
    if (asked !== "") checkName(asked);
    if (isUsed && prior !== null && asked !== "" && asked !== prior) throw otherDriver(choice.dataRoot, prior);
    const options = parseDriverOptions(choice.options);
    const driver = pick(choice, options);
    if (!isUsed && prior !== null && prior !== driver.name) await discard(choice, prior);
    return driver;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const suffix = asked === "" ? "" : `: ${asked}`;
    throw new EngineError(error.kind, `error initializing graphdriver: ${error.message}${suffix}`, { cause: error });
  }
};

const checkName = (name: string): void => {
  if (drivers.has(name)) return;
  if (!removed.includes(name)) throw notImplemented("driver not supported");
  throw notImplemented(
    `[graphdriver] ERROR: the ${name} storage-driver has been deprecated and removed; ` +
      "visit https://docs.docker.com/go/storage-driver/ for more information",
  );
};

const otherDriver = (dataRoot: string, prior: string): EngineError =>
  new EngineError(
    "conflict",
    `${dataRoot} holds images and containers of the storage driver ${prior}: ` +
      `start with --storage-driver ${prior} (or none), or remove them first`,
  );

const pick = (choice: StorageChoice, options: DriverOptions): StorageDriver => {
  const { asked, prior, isUsed } = choice;
  if (asked !== "") return open(choice, asked, options);
  // Its layers are there: when it no longer works, somebody has to look.
  if (isUsed && prior !== null) return open(choice, prior, options);
  for (const name of prior === null ? priority : [prior, ...priority]) {
    try {
      return open(choice, name, options);
    } catch (error) {
      if (!isKind(error, "not-implemented")) throw error;
    }
  }
  throw notImplemented("no supported storage driver found");
};

const open = ({ dataRoot, workers }: StorageChoice, name: string, options: DriverOptions): StorageDriver => {
  const driver = drivers.get(name);
  if (driver === undefined) throw notImplemented("driver not supported");
  const root = join(dataRoot, name);
  const isNew = !existsSync(root);
  try {
    return driver(root, options, workers);
  } catch (error) {
    if (isNew) rmSync(root, { recursive: true, force: true });
    throw error;
  }
};

/** Removes what another driver has left in a data root in which nothing is any more. */
const discard = async (choice: StorageChoice, name: string): Promise<void> => {
  const root = join(choice.dataRoot, name);
  if (!existsSync(root)) return;
  try {
    const driver = open(choice, name, []);
    for (const id of driver.list()) await driver.remove(id);
    await driver.emptied();
    rmSync(root, { recursive: true, force: true });
  } catch (error) {
    throw new EngineError("system", `removing what the storage driver ${name} left: ${messageOf(error)}`, {
      cause: error,
    });
  }
};
