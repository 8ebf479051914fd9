import { join } from "node:path";
import type { ContainerRecord } from "./record.ts";
import type { ContainerSettings } from "./settings.ts";

type Roots = Pick<ContainerSettings, "dataRoot" | "execRoot">;

/** A container's own files: log, hosts, hostname, resolv.conf. */
export const dataFolder = ({ dataRoot }: Roots, id: string): string => join(dataRoot, "containers", id);

/** Where a container's hosts, hostname and resolv.conf are: another's when it shares that one's network. */
export const etcFolder = (roots: Roots, record: Readonly<ContainerRecord>): string => {
  const mode = record.hostConfig.NetworkMode ?? "";
  return dataFolder(roots, mode.startsWith("container:") ? mode.slice("container:".length) : record.id);
};

/** What a container's task keeps while it runs: bundle, sockets, status. A reboot may forget it. */
export const taskFolder = ({ execRoot }: Roots, id: string): string => join(execRoot, "containers", id);

/** The same of an exec. */
export const execFolder = ({ execRoot }: Roots, execId: string): string => join(execRoot, "execs", execId);

/** Where a container's log is, whether it exists or not. */
export const logFile = (roots: Roots, id: string): string => join(dataFolder(roots, id), `${id}-json.log`);
