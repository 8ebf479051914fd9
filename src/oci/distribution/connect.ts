import type { ClientOptions } from "./client.ts";
import { ContentMismatch } from "../blob/verify.ts";
import { ContentError } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import type { RepositoryName } from "./repository.ts";

export type { RepositoryName } from "./repository.ts";

const causesMax = 8;

/** Whether an error, or what caused it, says that bytes were not what they should be. */
const isWrongContent = (error: unknown): boolean => {
  let cause = error;
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    if (cause instanceof ContentError || cause instanceof ContentMismatch) return true;
    ({ cause } = cause);
  }
  return false;
};

/**
 * Runs `work` on a repository, which asks mirrors first (when pulling), then HTTPS, then HTTP where that is allowed.
 * When content from a mirror turned out to be wrong, the work is done once more with the registry alone.
 *
 * @throws what the registry, or the work, threw.
 */
export const withRepository = async <T>(
  name: RepositoryName,
  actions: "pull" | "pull,push",
  options: ClientOptions,
  work: (repository: Repository) => Promise<T>,
): Promise<T> => {
  {
    using repository = await Repository.open(name, actions, options);
    try {
      return await work(repository);
    } catch (error) {
      if (!repository.usedMirror || !isWrongContent(error) || options.signal?.aborted) throw error;
    }
  }
  using repository = await Repository.open(name, actions, options, false);
  return work(repository);
};
