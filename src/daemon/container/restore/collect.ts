import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerContext } from "../context.ts";

/**
 * Removes the folders of containers and execs that no record knows: left by a daemon that was killed between the commit
 * that removed a record and the removal of its files, or in the middle of a create.
 */
export const collectFolders = async (context: ContainerContext): Promise<void> => {
  const { dataRoot, execRoot } = context.settings;
  const known = (id: string): boolean => context.containers.get(id) !== undefined;
  await Promise.all([
    sweep(join(dataRoot, "containers"), known),
    sweep(join(execRoot, "containers"), known),
    sweep(join(execRoot, "execs"), (id) => context.execs.get(id) !== undefined),
    sweep(join(dataRoot, "tmp"), () => false),
  ]);
};

const sweep = async (folder: string, known: (name: string) => boolean): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.filter((name) => !known(name)).map((name) => rm(join(folder, name), { recursive: true, force: true })),
  );
};
