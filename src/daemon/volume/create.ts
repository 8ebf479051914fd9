import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { invalidParameter, isKind, messageOf, notFound } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { VolumeCreateOptions } from "../../wire/engine/volume.ts";
import type { VolumeContext } from "./context.ts";
import { dataPath, describe } from "./document.ts";
import { checkOptions } from "./local.ts";
import type { VolumeDocument, VolumeRecord } from "./record.ts";

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Makes a volume; one of that name that is there already is the answer as it is.
 * @throws EngineError not-found for a driver, invalid-parameter
 */
export const create = (context: VolumeContext, request: VolumeCreateOptions): VolumeDocument => {
  const anonymous = !request.Name;
  const name = request.Name || newId();
  try {
    const driver = request.Driver || "local";
    if (driver !== "local") throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    const existing = context.volumes.get(name);
    if (existing) return describe(context, existing);
    checkName(name);
    checkOptions(request.DriverOpts ?? {});
    const labels = anonymous ? { ...request.Labels, "com.docker.volume.anonymous": "" } : request.Labels;
    return make(context, {
      name,
      driver,
      createdNs: context.clock.nowNs().toString(),
      labels: labels ?? null,
      options: request.DriverOpts ?? null,
      users: [],
    });
  } catch (error) {
    const message = `create ${name}: ${messageOf(error)}`;
    if (isKind(error, "not-found")) throw notFound(message, error);
    if (isKind(error, "invalid-parameter")) throw invalidParameter(message, error);
    throw error;
  }
};

const make = (context: VolumeContext, record: VolumeRecord): VolumeDocument => {
  const path = dataPath(context, record.name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o701 });
  mkdirSync(path, { recursive: true, mode: 0o755 });
  try {
    context.database.transaction((transaction) => {
      transaction.put(context.volumes, record.name, record);
      transaction.emit({
        Type: "volume",
        Action: "create",
        Actor: { ID: record.name, Attributes: { driver: record.driver } },
      });
    });
  } catch (error) {
    rmSync(dirname(path), { recursive: true, force: true });
    throw error;
  }
  return describe(context, record);
};

const checkName = (name: string): void => {
  if (name.length === 1) {
    throw invalidParameter("volume name is too short, names should be at least two alphanumeric characters");
  }
  if (namePattern.test(name)) return;
  throw invalidParameter(
    `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
};
