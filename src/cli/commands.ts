import type { Command } from "./cli.ts";

export interface CommandEntry {
  summary: string;
  /** Loaded when the command is called: a start pays for one command, not for all. */
  load: () => Promise<Command>;
}

const container: Record<string, CommandEntry> = {
  run: {
    summary: "Create and run a new container from an image",
    load: async () => (await import("./container/run.ts")).run,
  },
  ps: { summary: "List containers", load: async () => (await import("./container/ps.ts")).ps },
  logs: { summary: "Fetch the logs of a container", load: async () => (await import("./container/logs.ts")).logs },
  exec: {
    summary: "Execute a command in a running container",
    load: async () => (await import("./container/exec.ts")).exec,
  },
  stop: {
    summary: "Stop one or more running containers",
    load: async () => (await import("./container/stop.ts")).stop,
  },
  rm: { summary: "Remove one or more containers", load: async () => (await import("./container/rm.ts")).rm },
};

const image: Record<string, CommandEntry> = {
  pull: { summary: "Download an image from a registry", load: async () => (await import("./image/pull.ts")).pull },
  images: { summary: "List images", load: async () => (await import("./image/images.ts")).images },
  load: {
    summary: "Load an image from a tar archive or STDIN",
    load: async () => (await import("./image/load.ts")).load,
  },
};

const system: Record<string, CommandEntry> = {
  inspect: {
    summary: "Return low-level information on Docker objects",
    load: async () => (await import("./system/inspect.ts")).inspect,
  },
  version: {
    summary: "Show the Berth version information",
    load: async () => (await import("./system/version.ts")).version,
  },
  info: { summary: "Display system-wide information", load: async () => (await import("./system/info.ts")).info },
};

const systemOnly: Record<string, CommandEntry> = {
  df: { summary: "Show what the engine takes on the disk", load: async () => (await import("./system/df.ts")).df },
};

/** Every command by its short form. */
export const commands: Readonly<Record<string, CommandEntry>> = { ...container, ...image, ...system };

/** The long forms: `berth container ls`, `berth image pull`. */
export const groups: Readonly<Record<string, Readonly<Record<string, CommandEntry>>>> = {
  container: { ...container, ls: container["ps"] as CommandEntry, inspect: system["inspect"] as CommandEntry },
  image: {
    pull: image["pull"] as CommandEntry,
    load: image["load"] as CommandEntry,
    ls: image["images"] as CommandEntry,
  },
  system: { info: system["info"] as CommandEntry, ...systemOnly },
};
