import { dirname } from "node:path";
import type { FilesystemChange } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";

const modified = 0;

/** What a container changed in its root filesystem, sorted by path; null for nothing. @throws EngineError not-found */
export const changes = async (context: ContainerContext, reference: string): Promise<FilesystemChange[] | null> => {
  const { id } = context.containers.find(reference);
  const found = await context.layers.writable.changes(id);
  if (found.length === 0) return null;
  const kinds = new Map(found.map(({ path, kind }) => [path, kind as NonNullable<FilesystemChange["Kind"]>]));
  // As in Docker, a directory counts as changed when something below it is, even if only a file's content.
  for (const { path } of found) {
    for (let parent = dirname(path); parent !== "/" && !kinds.has(parent); parent = dirname(parent)) {
      kinds.set(parent, modified);
    }
  }
  return [...kinds]
    .map(([Path, Kind]) => ({ Path, Kind }))
    .toSorted((a, b) => (a.Path < b.Path ? -1 : a.Path > b.Path ? 1 : 0));
};
