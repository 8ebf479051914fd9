import type { ContainerConfig } from "../../../wire/engine/container.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * A container's environment: Docker's own variables first, then the container's, which replace them in place. `home` is
 * appended as HOME when nothing sets it.
 */
export const createEnvironment = (config: ContainerConfig, home: string, tty = config.Tty === true): string[] => {
  const base = [`PATH=${defaultPath}`, `HOSTNAME=${config.Hostname ?? ""}`, ...(tty ? ["TERM=xterm"] : [])];
  return withHome(mergeEnvironment(base, config.Env ?? []), home);
};

/** HOME of the user unless the environment has one. */
export const withHome = (env: readonly string[], home: string): string[] =>
  env.some((entry) => entry.startsWith("HOME=")) ? [...env] : [...env, `HOME=${home}`];

/** `overrides` replace the variables they name in place, or follow; one without "=" removes its variable. */
export const mergeEnvironment = (base: readonly string[], overrides: readonly string[]): string[] => {
  const result: (string | null)[] = [...base];
  const places = new Map(base.map((entry, index) => [keyOf(entry), index]));
  for (const entry of overrides) {
    const place = places.get(keyOf(entry));
    const removes = !entry.includes("=");
    if (place !== undefined) result[place] = removes ? null : entry;
    else if (!removes) result.push(entry);
  }
  return result.filter((entry) => entry !== null);
};

const keyOf = (entry: string): string => entry.split("=", 1)[0] ?? entry;
