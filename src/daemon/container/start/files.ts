import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
 */
export const writeFiles = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  network: ConnectedNetwork,
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
  const hostname = join(folder, "hostname");
  writeFileSync(hostname, `${record.config.Hostname ?? ""}\n`, { mode: 0o644 });
  const files: EtcFiles = { hostname };
  if (network.hosts !== undefined) {
    files.hosts = join(folder, "hosts");
    writeFileSync(files.hosts, network.hosts, { mode: 0o644 });
  }
  if (network.resolvConf !== undefined) {
    files.resolvConf = join(folder, "resolv.conf");
    writeFileSync(files.resolvConf, network.resolvConf, { mode: 0o644 });
  }
  return files;
};
