import type { FilesystemChange } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";

/** What a container changed in its root filesystem, sorted by path; null for nothing. @throws EngineError not-found */
export const changes = async (context: ContainerContext, reference: string): Promise<FilesystemChange[] | null> => {
  const { id } = context.containers.find(reference);
  const found = await context.layers.changes(id);
  return found.length === 0
    ? null
    : found.map(({ path, kind }) => ({ Path: path, Kind: kind as NonNullable<FilesystemChange["Kind"]> }));
};
