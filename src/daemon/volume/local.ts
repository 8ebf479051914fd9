import { invalidParameter, systemError } from "../../base/errors.ts";
import { MS, mount } from "../../linux/mount/mount.ts";

const known = ["type", "device", "o", "size"];

const flags: Record<string, number> = {
  ro: MS.rdonly,
  rw: 0,
  nosuid: MS.nosuid,
  nodev: MS.nodev,
  noexec: MS.noexec,
  sync: MS.synchronous,
  noatime: MS.noatime,
  nodiratime: MS.nodiratime,
  relatime: MS.relatime,
  strictatime: MS.strictatime,
  bind: MS.bind,
  rbind: MS.bind | MS.rec,
  defaults: 0,
};

/**
 * Checks the options of the driver "local": mount(8)'s `type`, `device` and `o`.
 * @throws EngineError invalid-parameter in Docker's words
 */
export const checkOptions = (options: Readonly<Record<string, string>>): void => {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw invalidParameter(`invalid option: ${JSON.stringify(key)}`);
  }
  if (options["size"] !== undefined) {
    throw invalidParameter("quota size requested but no quota support");
  }
  const given = ["type", "device", "o"].filter((key) => options[key] !== undefined);
  if (given.length === 0) return;
  for (const key of ["device", "type"]) {
    const needed = key === "device" || !isBind(options);
    if (needed && !options[key]) throw invalidParameter(`missing required option: ${JSON.stringify(key)}`);
  }
};

/** True when the volume is a mount of its own, made while a container uses it. */
export const isMounted = (options: Readonly<Record<string, string>> | null): boolean =>
  options !== null && options["device"] !== undefined;

/** Mounts what the options say at a directory. @throws EngineError system in Docker's words */
export const mountLocal = (options: Readonly<Record<string, string>>, target: string): void => {
  const words = (options["o"] ?? "").split(",").filter((word) => word !== "");
  const bits = words.reduce((sum, word) => sum | (flags[word] ?? 0), 0);
  const data = words.filter((word) => flags[word] === undefined).join(",");
  const type = options["type"] === "none" ? null : (options["type"] ?? null);
  try {
    mount(options["device"] ?? "none", target, type, bits, data === "" ? null : data);
  } catch (error) {
    throw systemError(
      `failed to mount local volume: mount ${options["device"]}:${target}${data === "" ? "" : `, data: ${data}`}: ${(error as Error).message}`,
      error,
    );
  }
};

const isBind = (options: Readonly<Record<string, string>>): boolean =>
  (options["o"] ?? "").split(",").some((word) => word === "bind" || word === "rbind");
