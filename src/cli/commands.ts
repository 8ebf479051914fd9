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
  images: { summary: "List images", load: async () => (await import("./image/images.ts")).images },
  pull: { summary: "Download an image from a registry", load: async () => (await import("./image/pull.ts")).pull },
  push: { summary: "Upload an image to a registry", load: async () => (await import("./image/push.ts")).push },
  history: { summary: "Show the history of an image", load: async () => (await import("./image/history.ts")).history },
  tag: {
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    load: async () => (await import("./image/tag.ts")).tag,
  },
  rmi: { summary: "Remove one or more images", load: async () => (await import("./image/rmi.ts")).rmi },
  save: {
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    load: async () => (await import("./image/save.ts")).save,
  },
  load: {
    summary: "Load an image from a tar archive or STDIN",
    load: async () => (await import("./image/load.ts")).load,
  },
  import: {
    summary: "Import the contents from a tarball to create a filesystem image",
    load: async () => (await import("./image/import.ts")).importImage,
  },
};

const registryAuth: Record<string, CommandEntry> = {
  search: { summary: "Search a registry for images", load: async () => (await import("./image/search.ts")).search },
  login: { summary: "Authenticate to a registry", load: async () => (await import("./registry-auth/login.ts")).login },
  logout: { summary: "Log out from a registry", load: async () => (await import("./registry-auth/logout.ts")).logout },
};

const { images, rmi, ...imageVerbs } = image;

const imageOnly: Record<string, CommandEntry> = {
  inspect: {
    summary: "Display detailed information on one or more images",
    load: async () => (await import("./image/inspect.ts")).inspect,
  },
  prune: { summary: "Remove unused images", load: async () => (await import("./image/prune.ts")).prune },
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

const registry: Record<string, CommandEntry> = {
  serve: {
    summary: "Run a private registry (berth registry serve --help)",
    load: async () => (await import("./registry/serve.ts")).serve,
  },
  gc: {
    summary: "Remove what no manifest of a registry needs",
    load: async () => (await import("./registry/serve.ts")).gc,
  },
};

const systemOnly: Record<string, CommandEntry> = {
  df: { summary: "Show what the engine takes on the disk", load: async () => (await import("./system/df.ts")).df },
};

/** Every command by its short form. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  ...container,
  ...image,
  ...registryAuth,
  ...system,
};

/** The long forms: `berth container ls`, `berth image pull`. */
export const groups: Readonly<Record<string, Readonly<Record<string, CommandEntry>>>> = {
  container: { ...container, ls: container["ps"] as CommandEntry, inspect: system["inspect"] as CommandEntry },
  image: {
    ...imageVerbs,
    ...imageOnly,
    ls: images as CommandEntry,
    list: images as CommandEntry,
    rm: rmi as CommandEntry,
    remove: rmi as CommandEntry,
  },
  system: { info: system["info"] as CommandEntry, ...systemOnly },
  registry,
};
