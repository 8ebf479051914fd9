import type { OciNamespace } from "../../../wire/oci/runtime.ts";
import type { SpecInput } from "./input.ts";

/** The namespaces of a container: new ones, joined ones; those it shares with the host are left out. */
export const createNamespaces = ({ hostConfig, namespaces, host }: SpecInput): OciNamespace[] => {
  const list: OciNamespace[] = [{ type: "mount" }];
  if (namespaces.network === "new") list.push({ type: "network" });
  else if (namespaces.network !== "host") list.push({ type: "network", path: namespaces.network.path });
  if (hostConfig.UTSMode !== "host") list.push({ type: "uts" });
  if (namespaces.pidPath !== undefined) list.push({ type: "pid", path: namespaces.pidPath });
  else if (hostConfig.PidMode !== "host") list.push({ type: "pid" });
  if (namespaces.ipcPath !== undefined) list.push({ type: "ipc", path: namespaces.ipcPath });
  else if (hostConfig.IpcMode !== "host") list.push({ type: "ipc" });
  if (namespaces.userPath !== undefined) list.push({ type: "user", path: namespaces.userPath });
  if (cgroupNamespace(hostConfig.CgroupnsMode, host.cgroup.version) === "private") list.push({ type: "cgroup" });
  return list;
};

/** What a container that says nothing gets: a cgroup namespace of its own where the hierarchy is v2. */
export const cgroupNamespace = (mode: string | undefined, version: 1 | 2): "private" | "host" =>
  mode === "private" || mode === "host" ? mode : version === 2 ? "private" : "host";
