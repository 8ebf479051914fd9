import { invalidParameter } from "../../../base/errors.ts";
import type { ContainerConfig, HostConfig } from "../../../wire/engine/container.ts";

/** Refuses namespace modes that Docker does not know. @throws EngineError invalid-parameter */
export const checkModes = ({ IpcMode, PidMode, UTSMode, CgroupnsMode, Isolation }: HostConfig): void => {
  if (Isolation && Isolation !== "default") throw invalidParameter(`invalid isolation '${Isolation}' on linux`);
  requireMode("IPC mode", IpcMode, ["none", "private", "shareable", "host"], true);
  requireMode("PID mode", PidMode, ["host"], true);
  requireMode("UTS mode", UTSMode, ["host"], false);
  requireMode("cgroup namespace mode", CgroupnsMode, ["private", "host"], false);
};

const requireMode = (what: string, mode: string | undefined, words: readonly string[], container: boolean): void => {
  if (!mode || words.includes(mode)) return;
  if (container && /^container:.+/.test(mode)) return;
  throw invalidParameter(`invalid ${what}: ${mode}`);
};

/** Refuses options that the network mode rules out. @throws EngineError invalid-parameter in Docker's words */
export const checkNetworkMode = (own: HostConfig, { Hostname: hostname = "", ExposedPorts }: ContainerConfig): void => {
  const mode = own.NetworkMode ?? "";
  const joins = mode.startsWith("container:");
  const conflicts = (what: string): Error => invalidParameter(`conflicting options: ${what}`);
  if (own.UTSMode === "host" && hostname !== "") throw conflicts("hostname and the UTS mode");
  if (joins && hostname !== "") throw conflicts("hostname and the network mode");
  if (joins && own.Links && own.Links.length > 0) {
    throw conflicts("container type network can't be used with links. This would result in undefined behavior");
  }
  if (mode === "host" && own.Links && own.Links.length > 0) {
    throw conflicts("host type networking can't be used with links. This would result in undefined behavior");
  }
  if (!joins) return;
  if (own.Dns && own.Dns.length > 0) throw conflicts("dns and the network mode");
  if (own.ExtraHosts && own.ExtraHosts.length > 0) {
    throw conflicts("custom host-to-IP mapping and the network mode");
  }
  const publishes = Object.keys(own.PortBindings ?? {}).length > 0 || own.PublishAllPorts;
  if (publishes) throw conflicts("port publishing and the container type network mode");
  if (Object.keys(ExposedPorts ?? {}).length > 0) {
    throw conflicts("port exposing and the container type network mode");
  }
};
