import type { ContainerConfig, HostConfig } from "../../wire/engine/container.ts";
import type { Cli } from "../cli.ts";
import { type Flags, UsageError } from "../flags.ts";
import { envList } from "./env.ts";
import { parsePorts } from "./publish.ts";
import type { runFlags } from "./run-flags.ts";

type CreateBody = ContainerConfig & { HostConfig: HostConfig };

const binaryUnits: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `512m`, `1g`, `100` in bytes. @throws UsageError */
const bytes = (text: string | undefined): number => {
  if (text === undefined) return 0;
  const match = /^(\d+(?:\.\d+)?)([bkmgt])?(?:i?b)?$/i.exec(text);
  if (!match) throw new UsageError(`invalid size: '${text}'`);
  return Math.trunc(Number(match[1]) * (binaryUnits[(match[2] ?? "b").toLowerCase()] ?? 1));
};

const keyValues = (entries: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );

/** The body of `POST /containers/create` for a command line of `berth run`. @throws UsageError */
export const createBody = async (
  cli: Cli,
  flags: Flags<typeof runFlags>,
  image: string,
  command: readonly string[],
): Promise<CreateBody> => {
  const ports = parsePorts(flags.publish, flags.expose);
  const attached = !flags.detach;
  const named = flags.volume.filter((volume) => volume.includes(":"));
  const anonymous = flags.volume.filter((volume) => !volume.includes(":"));
  return {
    Image: image,
    ...(command.length > 0 ? { Cmd: [...command] } : {}),
    ...(flags.entrypoint === undefined ? {} : { Entrypoint: [flags.entrypoint] }),
    Hostname: flags.hostname ?? "",
    User: flags.user ?? "",
    AttachStdin: attached && flags.interactive,
    AttachStdout: attached,
    AttachStderr: attached,
    OpenStdin: flags.interactive,
    StdinOnce: attached && flags.interactive,
    Tty: flags.tty,
    Env: await envList(cli, flags.env, flags["env-file"]),
    WorkingDir: flags.workdir ?? "",
    Labels: keyValues(flags.label),
    ExposedPorts: ports.exposed,
    Volumes: Object.fromEntries(anonymous.map((path) => [path, {}])),
    ...(flags["stop-signal"] === undefined ? {} : { StopSignal: flags["stop-signal"] }),
    ...(flags["stop-timeout"] === undefined ? {} : { StopTimeout: Number(flags["stop-timeout"]) }),
    HostConfig: hostConfig(flags, ports.bindings, named),
  };
};

const hostConfig = (
  flags: Flags<typeof runFlags>,
  bindings: NonNullable<HostConfig["PortBindings"]>,
  binds: string[],
): HostConfig => {
  const [policy = "no", retries] = (flags.restart ?? "no").split(":");
  const init = flags.init ? { Init: true } : {};
  return {
    AutoRemove: flags.rm,
    Binds: binds,
    CapAdd: flags["cap-add"],
    CapDrop: flags["cap-drop"],
    CpusetCpus: flags["cpuset-cpus"] ?? "",
    Devices: flags.device.map((text) => {
      const [PathOnHost = "", PathInContainer = PathOnHost, CgroupPermissions = "rwm"] = text.split(":");
      return { PathOnHost, PathInContainer, CgroupPermissions };
    }),
    Dns: flags.dns,
    ExtraHosts: flags["add-host"],
    GroupAdd: flags["group-add"],
    ...init,
    IpcMode: flags.ipc ?? "",
    LogConfig: { Type: (flags["log-driver"] ?? "") as "json-file", Config: keyValues(flags["log-opt"]) },
    Memory: bytes(flags.memory),
    NanoCpus: flags.cpus === undefined ? 0 : Math.round(Number(flags.cpus) * 1e9),
    NetworkMode: flags.network ?? "default",
    PidMode: flags.pid ?? "",
    ...(flags["pids-limit"] === undefined ? {} : { PidsLimit: Number(flags["pids-limit"]) }),
    PortBindings: bindings,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    RestartPolicy: { Name: policy as "no", MaximumRetryCount: Number(retries ?? 0) },
    ...(flags.runtime === undefined ? {} : { Runtime: flags.runtime }),
    SecurityOpt: flags["security-opt"],
    ShmSize: bytes(flags["shm-size"]),
    Tmpfs: Object.fromEntries(
      flags.tmpfs.map((text) => {
        const at = text.indexOf(":");
        return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
      }),
    ),
    VolumesFrom: flags["volumes-from"],
  };
};
