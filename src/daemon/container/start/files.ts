import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Owner } from "../../../linux/namespace/id-mapping.ts";
import type { ContainerContext } from "../context.ts";
import { dataFolder } from "../folders.ts";
import type { ContainerRecord } from "../record.ts";
import type { ConnectedNetwork } from "./network.ts";

/** Host paths of the three files that are bound at a container's /etc. */
export interface EtcFiles {
  hosts?: string;
  hostname?: string;
  resolvConf?: string;
}

/**
 * Writes /etc/hosts, /etc/hostname and /etc/resolv.conf of a container into its folder below the data root.
 * A container that joins another one's network sees the other one's files.
 * @param owner who the container's root is outside, to whom they belong; the daemon's own root when undefined
 */
export const writeFiles = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  network: ConnectedNetwork,
  owner: Owner = { uid: 0, gid: 0 },
): EtcFiles => {
  const folder = dataFolder(context.settings, record.id);
  mkdirSync(folder, { recursive: true, mode: 0o710 });
  if (network.filesOf !== undefined) {
    const other = dataFolder(context.settings, network.filesOf);
    return {
      hostname: join(other, "hostname"),
      hosts: join(other, "hosts"),
      resolvConf: join(other, "resolv.conf"),
    };
  }
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o644 });
    // It may have been started with other owners before.
    chownSync(path, owner.uid, owner.gid);
    return path;
  };
  const files: EtcFiles = { hostname: write("hostname", `${record.config.Hostname ?? ""}\n`) };
  if (network.hosts !== undefined) files.hosts = write("hosts", network.hosts);
  if (network.resolvConf !== undefined) files.resolvConf = write("resolv.conf", network.resolvConf);
  return files;
};
