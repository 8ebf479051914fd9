import { systemError } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import type { TaskSpec } from "../../runtime/task-spec.ts";
import { findDevices, findThrottleDevices } from "../../runtime/device/lookup.ts";
import { createSpec } from "../../runtime/spec/create.ts";
import { lookupUser } from "../../runtime/user/lookup.ts";
import { readUserDatabase } from "../../runtime/user/read.ts";
import type { Remap } from "../../storage/remap/remap.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import type { EtcFiles } from "./files.ts";
import { shimLog } from "./log.ts";
import type { PreparedMounts } from "./mounts.ts";
import { openNamespacesOf } from "./namespaces.ts";
import type { ConnectedNetwork } from "./network.ts";

interface Prepared {
  rootfs: string;
  network: ConnectedNetwork;
  files: EtcFiles;
  mounts: PreparedMounts;
  remap: Remap | undefined;
}

/** Everything the runtime room needs to start a container, save its folder, the attached clients and the trace. */
export const createTaskSpec = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  { rootfs, network, files, mounts, remap }: Prepared,
): Omit<TaskSpec, "dir" | "attach" | "trace"> => {
  const { config, hostConfig } = record;
  checkDeviceRequests(hostConfig);
  const env = network.env.length > 0 ? [...(config.Env ?? []), ...network.env] : (config.Env ?? []);
  const spec = createSpec({
    id: record.id,
    config: { ...config, Env: env, Entrypoint: [record.path], Cmd: record.args },
    hostConfig,
    rootfs,
    user: lookupUser(config.User ?? "", readUserDatabase(rootfs), hostConfig.GroupAdd ?? []),
    mounts: mounts.binds,
    tmpfs: mounts.tmpfs,
    files,
    ...(mounts.shmPath === undefined ? {} : { shmPath: mounts.shmPath }),
    namespaces: {
      network: network.namespace,
      ...(network.userNamespace === undefined ? {} : { userPath: network.userNamespace }),
      ...openNamespacesOf(context, record),
    },
    ...(remap === undefined ? {} : { idMapping: remap.mapping }),
    devices: findDevices(hostConfig),
    throttleDevices: findThrottleDevices(hostConfig),
    seccomp: context.seccompOf(hostConfig),
    host: context.host,
    defaults: context.specDefaults,
  });
  const log = shimLog(context, record);
  const [rows = 0, columns = 0] = hostConfig.ConsoleSize ?? [];
  return {
    id: record.id,
    runtime: hostConfig.Runtime || context.settings.defaultRuntime,
    spec,
    ...(log ? { log } : {}),
    ...(config.OpenStdin ? { stdin: config.StdinOnce ? "once" : "open" } : {}),
    ...(config.Tty ? { terminal: { rows, columns } } : {}),
    holdFds: [...network.holdFds],
    relays: network.relays.map(({ fd, proto, target }) => ({ fd, protocol: proto, ...target })),
  };
};

/** `--gpus` asks for a driver by capability, and none is there to answer. @throws EngineError in Docker's words */
const checkDeviceRequests = ({ DeviceRequests }: HostConfig): void => {
  const [first] = DeviceRequests ?? [];
  if (!first) return;
  const capabilities = (first.Capabilities ?? []).map((set) => `[${set.join(" ")}]`).join(" ");
  throw systemError(
    `could not select device driver ${JSON.stringify(first.Driver ?? "")} with capabilities: [${capabilities}]`,
  );
};
