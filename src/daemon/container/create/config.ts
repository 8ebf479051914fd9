import { invalidParameter } from "../../../base/errors.ts";
import { signalNumber } from "../../../linux/signal.ts";
import type { ContainerConfig } from "../../../wire/engine/container.ts";
import type { HealthConfig, ImageConfig } from "../../../wire/engine/image.ts";

/** What a new container always has in its environment, in front of everything else. */
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const minHealthNs = 1_000_000;

const filled = <T>(list: readonly T[] | null | undefined): list is readonly T[] =>
  list !== null && list !== undefined && list.length > 0;

/**
 * The container's configuration with the image's below it, as inspect shows it.
 * @param own the body of the create call
 * @param hostname for a container that was given none
 * @throws EngineError invalid-parameter in Docker's words
 */
export const mergeConfig = (own: ContainerConfig, image: ImageConfig, hostname: string): ContainerConfig => {
  checkConfig(own);
  const command = mergeCommand(own, image);
  const exposed = { ...image.ExposedPorts, ...own.ExposedPorts };
  const volumes = { ...image.Volumes, ...own.Volumes };
  const health = mergeHealth(own.Healthcheck, image.Healthcheck);
  const stopSignal = own.StopSignal || image.StopSignal;
  const shell = filled(own.Shell) ? own.Shell : image.Shell;
  return {
    Hostname: own.Hostname || hostname,
    Domainname: own.Domainname ?? "",
    User: own.User || (image.User ?? ""),
    AttachStdin: own.AttachStdin ?? false,
    AttachStdout: own.AttachStdout ?? false,
    AttachStderr: own.AttachStderr ?? false,
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: own.Tty ?? false,
    OpenStdin: own.OpenStdin ?? false,
    StdinOnce: own.StdinOnce ?? false,
    Env: mergeEnv(own.Env ?? [], image.Env ?? []),
    Cmd: command.cmd,
    ...(health ? { Healthcheck: health } : {}),
    ...(own.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Image: own.Image ?? "",
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: own.WorkingDir || (image.WorkingDir ?? ""),
    Entrypoint: command.entrypoint,
    ...(own.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(own.MacAddress ? { MacAddress: own.MacAddress } : {}),
    OnBuild: null,
    Labels: { ...image.Labels, ...own.Labels },
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(own.StopTimeout === undefined || own.StopTimeout === null ? {} : { StopTimeout: own.StopTimeout }),
    ...(filled(shell) ? { Shell: shell } : {}),
  };
};

/** The command and its arguments. @throws EngineError invalid-parameter "no command specified" */
export const commandOf = ({ Entrypoint, Cmd }: ContainerConfig): { path: string; args: string[] } => {
  const [path, ...args] = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (path === undefined) throw invalidParameter("no command specified");
  return { path, args };
};

/** An entry point of the container's own takes the image's command away; an empty first word takes the image's entry point away. */
const mergeCommand = (
  own: ContainerConfig,
  image: ImageConfig,
): { entrypoint: string[] | null; cmd: string[] | null } => {
  const resets = own.Entrypoint?.length === 1 && own.Entrypoint[0] === "";
  if (filled(own.Entrypoint)) {
    return { entrypoint: resets ? null : own.Entrypoint, cmd: filled(own.Cmd) ? own.Cmd : null };
  }
  const cmd = filled(own.Cmd) ? own.Cmd : (image.Cmd ?? null);
  // An empty list was said on purpose and differs from saying nothing.
  const entrypoint = own.Entrypoint ? own.Entrypoint : (image.Entrypoint ?? null);
  return { entrypoint, cmd };
};

const nameOf = (entry: string): string => entry.split("=", 1)[0] ?? "";

const mergeEnv = (own: readonly string[], image: readonly string[]): string[] => {
  const names = new Set(own.map(nameOf));
  const merged = [...own, ...image.filter((entry) => !names.has(nameOf(entry)))];
  return merged.some((entry) => nameOf(entry) === "PATH") ? merged : [defaultPath, ...merged];
};

const mergeHealth = (
  own: HealthConfig | null | undefined,
  image: HealthConfig | null | undefined,
): HealthConfig | undefined => {
  if (!own) return image ?? undefined;
  if (!image) return own;
  const merged: HealthConfig = { ...own };
  if (!filled(own.Test)) merged.Test = image.Test ?? null;
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] as const) {
    if (!merged[key] && image[key]) merged[key] = image[key];
  }
  return merged;
};

const checkConfig = (config: ContainerConfig): void => {
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalidParameter(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  for (const entry of config.Env ?? []) {
    if (entry === "" || entry.startsWith("=")) throw invalidParameter(`invalid environment variable: ${entry}`);
  }
  if (config.StopSignal && signalNumber(config.StopSignal) === undefined) {
    throw invalidParameter(`invalid signal: ${config.StopSignal}`);
  }
  if (config.Healthcheck) checkHealth(config.Healthcheck);
};

const checkHealth = (health: HealthConfig): void => {
  for (const key of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = health[key] ?? 0;
    if (value !== 0 && value < minHealthNs) {
      throw invalidParameter(`${key} in Healthcheck cannot be less than 1ms`);
    }
  }
  if ((health.Retries ?? 0) < 0) throw invalidParameter("Retries in Healthcheck cannot be negative");
};
