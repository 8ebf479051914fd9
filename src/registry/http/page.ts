import { fault } from "../fault.ts";

/** Most entries of one page, whatever is asked for. */
const maxEntries = 10_000;

export interface Page {
  entries: string[];
  /** True when there are more. */
  more: boolean;
}

/**
 * How many entries are asked for.
 *
 * @throws RegistryFault PAGINATION_NUMBER_INVALID
 */
export const readCount = (query: URLSearchParams, fallback: number): number => {
  const text = query.get("n");
  if (text === null || text === "") return fallback;
  if (!/^\d{1,15}$/.test(text)) throw fault("PAGINATION_NUMBER_INVALID", { detail: { n: text.slice(0, 32) } });
  return Math.min(Number(text), maxEntries);
};

/** Takes one page from names in order; what comes after it is not read. */
export const takePage = async (names: AsyncIterable<string>, count: number): Promise<Page> => {
  const entries: string[] = [];
  if (count === 0) return { entries, more: false };
  for await (const name of names) {
    if (entries.length === count) return { entries, more: true };
    entries.push(name);
  }
  return { entries, more: false };
};

/** The header that leads to the next page. **Source:** RFC 5988; OCI distribution-spec, Listing tags. */
export const linkHeader = (path: string, page: Page, count: number): Record<string, string> => {
  const last = page.entries.at(-1);
  if (!page.more || last === undefined) return {};
  return { link: `<${path}?${new URLSearchParams({ last, n: String(count) }).toString()}>; rel="next"` };
};
