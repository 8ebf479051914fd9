import type { SearchResult } from "../../wire/registry/search.ts";
import type { ClientOptions, RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryHost } from "./host.ts";
import { nextPage } from "./next-page.ts";
import { ContentError, RegistryError, UnexpectedAnswerError } from "./registry-error.ts";
import { drain, readBody } from "./transport.ts";
import type { RegistryAnswer } from "./transport.ts";

const maxAnswerBytes = 4 * 1024 * 1024;
/** Names that a page of a catalog is asked for, and pages that are read at most. */
const pageNames = 1000;
const maxPages = 100;
/** What a token must allow for an index, and for a catalog. */
const scopes = ["registry:catalog:search", "registry:catalog:*"];

interface Query {
  query: string;
  /** Results at most. */
  limit: number;
  /** The registry's domain, which names found in a catalog begin with; null for Docker Hub, which has no catalog. */
  domain: string | null;
}

/**
 * Searches a registry: its index (`/v1/search`), or where it has none its catalog, for names that contain the words.
 *
 * @throws UnexpectedAnswerError `Unexpected status code 404` in Docker's words when it has neither; RegistryError;
 * TransportError.
 */
export const searchHost = async (
  endpoints: readonly Endpoint[],
  options: ClientOptions,
  query: Query,
): Promise<SearchResult[]> => {
  using host = new RegistryHost(endpoints, options, scopes);
  const client = await host.client();
  const url = new URL("../v1/search", client.base);
  url.searchParams.set("q", query.query);
  url.searchParams.set("n", String(query.limit));
  const answer = await get(client, url, options.signal);
  if (answer.status === 200) return resultsOf(await jsonOf(answer)).slice(0, query.limit);
  await drain(answer.body);
  if (query.domain !== null) {
    const found = await searchCatalog(client, query.domain, query, options.signal);
    if (found !== undefined) return found;
  }
  throw new UnexpectedAnswerError(answer.status, `Unexpected status code ${answer.status}`);
};

const get = (client: RegistryClient, url: URL, signal: AbortSignal | undefined): Promise<RegistryAnswer> =>
  client.send({ method: "GET", url, headers: { "x-docker-token": "true" }, signal }, [400, 403, 404, 405]);

const jsonOf = async (answer: RegistryAnswer): Promise<Record<string, unknown>> => {
  const text = (await readBody(answer, maxAnswerBytes)).toString("utf8");
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch (error) {
    throw new ContentError("error decoding registry search results", { cause: error });
  }
  throw new ContentError("error decoding registry search results");
};

const resultsOf = (body: Record<string, unknown>): SearchResult[] => {
  const results: unknown[] = Array.isArray(body["results"]) ? body["results"] : [];
  return results.flatMap((one) => {
    if (typeof one !== "object" || one === null) return [];
    const { name, description, star_count, is_official } = one as Record<string, unknown>;
    if (typeof name !== "string") return [];
    return {
      name,
      description: typeof description === "string" ? description : "",
      star_count: typeof star_count === "number" ? star_count : 0,
      is_official: is_official === true,
      is_automated: false,
    };
  });
};

/** Undefined when the registry has no catalog for us. */
const searchCatalog = async (
  client: RegistryClient,
  domain: string,
  { query, limit }: Query,
  signal: AbortSignal | undefined,
): Promise<SearchResult[] | undefined> => {
  const words = query.toLowerCase();
  const found: string[] = [];
  let url: URL | undefined = new URL("_catalog", client.base);
  url.searchParams.set("n", String(pageNames));
  for (let page = 0; url !== undefined && page < maxPages && found.length < limit; page++) {
    let answer: RegistryAnswer;
    try {
      answer = await get(client, url, signal);
    } catch (error) {
      if (error instanceof RegistryError && page === 0 && !signal?.aborted && error.status !== 401) return undefined;
      throw error;
    }
    if (answer.status !== 200) {
      await drain(answer.body);
      return page === 0 ? undefined : resultsFor(domain, found, limit);
    }
    const { repositories } = await jsonOf(answer);
    if (Array.isArray(repositories))
      found.push(...repositories.filter((name) => typeof name === "string").filter((name) => name.includes(words)));
    const next = nextPage(answer, url);
    url = next?.origin === client.base.origin ? next : undefined;
  }
  return resultsFor(domain, found, limit);
};

/** By the names that they are pulled by. */
const resultsFor = (domain: string, names: readonly string[], limit: number): SearchResult[] =>
  names.slice(0, limit).map((name) => ({
    name: `${domain}/${name}`,
    description: "",
    star_count: 0,
    is_official: false,
    is_automated: false,
  }));
