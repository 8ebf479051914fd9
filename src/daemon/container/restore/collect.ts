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
  const execRuns = (id: string): boolean => (context.execs.get(id)?.state.status ?? "exited") !== "exited";
  const clean = (folder: string): Promise<void> => context.runtime.clean(folder);
  await Promise.all([
    sweep(join(dataRoot, "containers"), known),
    sweep(join(execRoot, "containers"), known, clean),
    sweep(join(execRoot, "execs"), execRuns),
    sweep(join(dataRoot, "tmp"), () => false),
  ]);
};

const sweep = async (
  folder: string,
  known: (name: string) => boolean,
  clean: (path: string) => Promise<void> = async () => {},
): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  const paths = names.filter((name) => !known(name)).map((name) => join(folder, name));
  await Promise.all(
    paths.map(async (path) => {
      await clean(path);
      await rm(path, { recursive: true, force: true });
    }),
  );
};
