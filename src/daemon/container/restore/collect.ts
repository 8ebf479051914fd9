import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../base/errors.ts";
import { umount } from "../../../linux/mount/mount.ts";
import { mountsBelow } from "../../../linux/mount/table.ts";
import type { ContainerContext } from "../context.ts";

/**
 * Removes the folders of containers and execs that no record knows: left by a daemon that was killed between the commit
 * that removed a record and the removal of its files, or in the middle of a create.
 */
export const collectFolders = async (context: ContainerContext): Promise<void> => {
  const { dataRoot, execRoot } = context.settings;
  const known = (id: string): boolean => context.containers.get(id) !== undefined;
  const execRuns = (id: string): boolean => (context.execs.get(id)?.state.status ?? "exited") !== "exited";
  const nothing = async (): Promise<void> => {};
  await Promise.all([
    sweep(context, join(dataRoot, "containers"), known, nothing),
    sweep(context, join(execRoot, "containers"), known, (folder) => context.runtime.clean(folder)),
    sweep(context, join(execRoot, "execs"), execRuns, nothing),
    sweep(context, join(dataRoot, "tmp"), () => false, nothing),
  ]);
};

/** What cannot be removed stays for the next start: it is no reason not to serve. The trash, a hidden name, empties itself. */
const sweep = async (
  context: ContainerContext,
  folder: string,
  known: (name: string) => boolean,
  clean: (path: string) => Promise<void>,
): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  const paths = names.filter((name) => !known(name) && !name.startsWith(".")).map((name) => join(folder, name));
  await Promise.all(
    paths.map(async (path) => {
      try {
        await clean(path);
        for (const { target } of mountsBelow(path)) umount(target, { detach: true });
        await rm(path, { recursive: true, force: true });
      } catch (error) {
        context.settings.log?.("warn", `removing the left-over ${path}: ${messageOf(error)}`);
      }
    }),
  );
};
