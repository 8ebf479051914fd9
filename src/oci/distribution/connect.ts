import { lookupEndpoints } from "./endpoint.ts";
import type { ClientOptions } from "./client.ts";
import { TransportError } from "./registry-error.ts";
import { Repository } from "./repository.ts";

/** A repository's place: the domain decides the endpoints, the path names it there. */
export interface RepositoryName {
  domain: string;
  path: string;
}

/**
 * Runs `work` on the first endpoint of a repository that answers: mirrors first (when pulling), then HTTPS, then HTTP
 * where that is allowed. A host that has spoken TLS is never asked over plain HTTP. What a mirror cannot do the next
 * endpoint may; what the registry itself refuses is final.
 *
 * @throws what the last endpoint that was tried threw.
 */
export const withRepository = async <T>(
  name: RepositoryName,
  actions: "pull" | "pull,push",
  options: ClientOptions,
  work: (repository: Repository) => Promise<T>,
): Promise<T> => {
  const endpoints = await lookupEndpoints(name.domain, options.settings, { mirrors: actions === "pull" });
  const speaksTls = new Set<string>();
  let last: unknown = new Error(`no endpoints found for ${name.domain}/${name.path}`);
  for (const endpoint of endpoints) {
    if (endpoint.scheme === "http" && speaksTls.has(endpoint.host)) continue;
    let repository: Repository;
    try {
      repository = await Repository.open(endpoint, name.path, actions, options);
    } catch (error) {
      if (!(error instanceof TransportError) || options.signal?.aborted) throw error;
      last = error;
      continue;
    }
    using _open = repository;
    if (endpoint.scheme === "https") speaksTls.add(endpoint.host);
    try {
      return await work(repository);
    } catch (error) {
      if (!endpoint.mirror || options.signal?.aborted) throw error;
      last = error;
    }
  }
  throw last;
};
