import { EngineError, invalidParameter, messageOf, systemError, unauthorized } from "../../base/errors.ts";
import type { Filters } from "../../base/filters.ts";
import { hubIndexEndpoint, originEndpoints } from "../../oci/distribution/endpoint.ts";
import { RegistryError } from "../../oci/distribution/registry-error.ts";
import { searchHost } from "../../oci/distribution/search.ts";
import { defaultDomain } from "../../oci/reference.ts";
import type { SearchResult } from "../../wire/registry/search.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { RegistryAccess } from "./context.ts";

const defaultLimit = 25;
const mostResults = 100;

export interface SearchOptions {
  /** How many results at most; 0 or absent for Docker's 25. */
  limit?: number;
  filters?: Filters | undefined;
  auth?: RegistryAuthConfig | undefined;
  signal?: AbortSignal | undefined;
}

/** Whose index is meant, and what is looked for there. **Source:** moby, splitReposSearchTerm. */
const splitTerm = (term: string): { domain: string; query: string } => {
  const slash = term.indexOf("/");
  const first = slash === -1 ? "" : term.slice(0, slash);
  if (!/[.:]/.test(first) && first !== "localhost") return { domain: defaultDomain, query: term };
  return { domain: first, query: term.slice(slash + 1) };
};

const starsOf = (filters: Filters | undefined): number =>
  (filters?.get("stars") ?? []).reduce((most, text) => {
    if (!/^[+-]?\d+$/.test(text))
      throw invalidParameter(
        `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
      );
    return Math.max(most, Number(text));
  }, 0);

/**
 * Searches the index of a registry: Docker Hub's, or the one whose host the term begins with. A registry that has no
 * index is asked for its catalog.
 *
 * @throws EngineError invalid-parameter for filters and limits; unauthorized or system in the registry's words
 *
 * **Source:** Engine API, ImageSearch.
 */
export const searchImages = async (registry: RegistryAccess, term: string, options: SearchOptions) => {
  const { filters, auth, signal } = options;
  filters?.requireKeys(["is-automated", "is-official", "stars"]);
  // Nothing is automated any more: who asks for that gets nothing.
  if (filters?.flag("is-automated", false) === true) return [];
  const official = filters?.flag("is-official", false) ?? false;
  const stars = starsOf(filters);
  if (term.includes("://"))
    throw invalidParameter(`invalid repository name: repository name (${term}) should not have a scheme`);
  const limit = options.limit || defaultLimit;
  if (limit < 1 || limit > mostResults)
    throw invalidParameter(`limit ${limit} is outside the range of [1, ${mostResults}]`);
  const { domain, query } = splitTerm(term);
  const found = await ask(registry, domain, query, { limit, auth, signal });
  return found
    .filter((one) => filters?.has("is-official") !== true || one.is_official === official)
    .filter((one) => filters?.has("stars") !== true || one.star_count >= stars)
    .map((one) => ({ ...one, is_automated: false }));
};

const ask = async (
  { settings, userAgent, retry }: RegistryAccess,
  domain: string,
  query: string,
  options: { limit: number; auth: RegistryAuthConfig | undefined; signal: AbortSignal | undefined },
): Promise<SearchResult[]> => {
  const { limit, auth, signal } = options;
  const isHub = domain === defaultDomain;
  const asked = isHub ? query.replace(/^library\//, "") : query;
  const client = { settings, userAgent, auth, signal, ...(retry === undefined ? {} : { retry }) };
  try {
    const endpoints = isHub ? [await hubIndexEndpoint(settings)] : await originEndpoints(domain, settings);
    return await searchHost(endpoints, client, { query: asked, limit, domain: isHub ? null : domain });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const isUnauthorized = error instanceof RegistryError && error.code === "UNAUTHORIZED";
    throw (isUnauthorized ? unauthorized : systemError)(messageOf(error), error);
  }
};
