import { ContentError } from "./registry-error.ts";
import type { RegistryAnswer } from "./transport.ts";

/**
 * Where a list goes on; undefined at its end.
 *
 * @param url what was asked
 * @throws ContentError for a link that is none.
 *
 * **Source:** RFC 8288; OCI distribution-spec, Listing Tags.
 */
export const nextPage = (answer: RegistryAnswer, url: URL): URL | undefined => {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers["link"] ?? ""))?.[1];
  if (link === undefined) return undefined;
  if (!URL.canParse(link, url)) throw new ContentError("the list leads nowhere");
  return new URL(link, url);
};
