import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Cli } from "../cli.ts";
import { ExitError } from "../cli.ts";

/** What a registry's entry of the file says. **Source:** docker/cli, config file. */
export interface FileAuth {
  /** Base64 of `username:password`. */
  auth?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** Docker's `config.json`; what Berth does not know stays as it is. */
export interface ConfigFile {
  auths?: Record<string, FileAuth>;
  /** A credential helper's name, without `docker-credential-`. */
  credsStore?: string;
  /** Helpers by registry. */
  credHelpers?: Record<string, string>;
  [other: string]: unknown;
}

const ownerOnly = 0o600;

/** Where the file is: in `$DOCKER_CONFIG`, else in `~/.docker`. */
export const configPath = (env: Cli["env"]): string =>
  join(env["DOCKER_CONFIG"] || join(env["HOME"] ?? "/", ".docker"), "config.json");

/** @throws ExitError for a file that is no JSON object */
export const readConfig = (env: Cli["env"]): ConfigFile => {
  const path = configPath(env);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as ConfigFile;
  } catch {
    // Told below.
  }
  throw new ExitError(1, `${path}: not a JSON object`);
};

/** Writes the file whole, in the place of the old one, for its owner alone. */
export const writeConfig = (env: Cli["env"], config: ConfigFile): void => {
  const path = resolved(configPath(env));
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(fresh, `${JSON.stringify(config, undefined, "\t")}`, { mode: ownerOnly });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
};

/** A file that is a link stays one. */
const resolved = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};
