import { isRepositoryName } from "../name.ts";
import { layersFolder, repositoriesFolder, revisionsFolder, tagsFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";

/** Nesting of names that is followed: 255 characters hold no deeper one. */
const maxDepth = 128;

/**
 * The names of all repositories, part by part in the order of bytes (`a`, `a/b`, `a-b`), after `after`. Folders that
 * come before it as a whole are not read.
 */
export async function* listRepositories(storage: Storage, after = ""): AsyncGenerator<string, void, void> {
  yield* walk(storage, [], after === "" ? [] : after.split("/"));
}

async function* walk(
  storage: Storage,
  parents: readonly string[],
  after: readonly string[],
): AsyncGenerator<string, void, void> {
  if (parents.length >= maxDepth) return;
  const folder = [repositoriesFolder, ...parents].join("/");
  const [bound = ""] = after;
  // The folder of the bound itself is entered again, for what is below it. It came from a client, and may be no name.
  if (isRepositoryName(bound)) yield* visit(storage, [...parents, bound], after.slice(1), false);
  for await (const { name, isFolder } of storage.list(folder, bound)) {
    if (isFolder && !name.startsWith("_")) yield* visit(storage, [...parents, name], [], true);
  }
}

async function* visit(
  storage: Storage,
  parts: readonly string[],
  after: readonly string[],
  itself: boolean,
): AsyncGenerator<string, void, void> {
  const name = parts.join("/");
  if (itself && (await isRepository(storage, name))) yield name;
  yield* walk(storage, parts, after);
}

const holdsAny = async (storage: Storage, folder: string): Promise<boolean> => {
  for await (const _entry of storage.list(folder)) return true;
  return false;
};

/** True when a repository holds anything that was pushed. */
export const isRepository = async (storage: Storage, repository: string): Promise<boolean> =>
  (await holdsAny(storage, revisionsFolder(repository))) ||
  (await holdsAny(storage, tagsFolder(repository))) ||
  (await holdsAny(storage, layersFolder(repository)));
