import type { ImageConfig } from "../../../wire/engine/image.ts";

const isEmpty = (value: object | null | undefined): boolean =>
  value === undefined || value === null || Object.keys(value).length === 0;

const keyOf = (entry: string): string => entry.split("=", 1)[0] ?? "";

/**
 * Fills what `config` leaves out with what `base` says: an image's config under a container's, a container's under a
 * commit's. A given entrypoint drops the base's command.
 *
 * **Source:** Docker's rules for containers and commits.
 */
export const mergeConfig = (config: ImageConfig, base: ImageConfig): ImageConfig => {
  const env = config.Env ?? [];
  const known = new Set(env.map(keyOf));
  const merged: ImageConfig = {
    ...config,
    User: config.User || (base.User ?? ""),
    Env: [...env, ...(base.Env ?? []).filter((entry) => !known.has(keyOf(entry)))],
    Labels: { ...base.Labels, ...config.Labels },
    WorkingDir: config.WorkingDir || (base.WorkingDir ?? ""),
  };
  if (!isEmpty(base.ExposedPorts)) merged.ExposedPorts = { ...base.ExposedPorts, ...config.ExposedPorts };
  if (!isEmpty(base.Volumes)) merged.Volumes = { ...config.Volumes, ...base.Volumes };
  if (isEmpty(config.Entrypoint)) {
    if (isEmpty(config.Cmd)) merged.Cmd = base.Cmd ?? null;
    if (config.Entrypoint === undefined || config.Entrypoint === null) merged.Entrypoint = base.Entrypoint ?? null;
  }
  if (base.Healthcheck !== undefined && base.Healthcheck !== null)
    merged.Healthcheck = mergeHealth(config.Healthcheck ?? {}, base.Healthcheck);
  const signal = config.StopSignal || base.StopSignal;
  if (signal !== undefined && signal !== null && signal !== "") merged.StopSignal = signal;
  return merged;
};

type Health = NonNullable<ImageConfig["Healthcheck"]>;

const mergeHealth = (config: Health, base: Health): Health => {
  const merged: Health = { ...base, ...config };
  if (isEmpty(config.Test) && base.Test !== undefined) merged.Test = base.Test;
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] as const) {
    const value = config[key] || base[key];
    if (value !== undefined) merged[key] = value;
  }
  return merged;
};
