/** Where content may be asked for before its own registry. */
export interface MirrorRule {
  /** The domain of the registry whose content it has, `docker.io`; "*" for every registry. */
  registry: string;
  url: URL;
}

/** The domain that an entry without one is for. */
const defaultDomain = "docker.io";
const named = /^(\*|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)=(.*)$/s;

/**
 * Reads an entry of `registry-mirrors`: `URL` (of Docker Hub), `HOST=URL` (of that registry) or `*=URL` (of every one).
 *
 * @throws Error in Docker's words, without the prefix that the daemon's configuration puts before them.
 *
 * **Source:** `dockerd --registry-mirror`; the two forms with `=` are Berth's.
 */
export const parseMirror = (entry: string): MirrorRule => {
  const match = named.exec(entry);
  const text = match?.[2] ?? entry;
  const shown = JSON.stringify(entry);
  const refuse = (why: string): never => {
    throw new Error(`invalid mirror: ${why}`);
  };
  if (!text.includes("://")) refuse(`no scheme specified for ${shown}: must use either 'https://' or 'http://'`);
  if (!/^https?:\/\//.test(text)) refuse(`unsupported scheme in ${shown}: must use either 'https://' or 'http://'`);
  if (!URL.canParse(text)) return refuse(`${shown} is not a valid URI`);
  const url = new URL(text);
  if (url.search !== "" || url.hash !== "") refuse(`query or fragment at end of the URI ${shown}`);
  if (url.username !== "" || url.password !== "") refuse(`username/password not allowed in URI ${shown}`);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { registry: match?.[1] ?? defaultDomain, url };
};

/**
 * The mirrors of a registry, in the order of the configuration, each with whether it must be told whose content is meant
 * (`?ns=`): all must but those that are only Docker Hub's.
 */
export const mirrorsOf = (domain: string, entries: readonly string[]): { url: URL; ns: string | undefined }[] =>
  entries
    .map(parseMirror)
    .filter(({ registry, url }) => (registry === "*" || registry === domain) && url.host !== domain)
    .map(({ registry, url }) => ({ url, ns: registry === defaultDomain ? undefined : domain }));

/** How long a mirror that failed is left alone, doubling with each failure up to the second. */
const firstBackoffMs = 5_000;
const maxBackoffMs = 300_000;

/** Which mirrors have failed lately. One for all pulls, so that each does not wait for a dead mirror again. */
export class MirrorHealth {
  readonly #failed = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether a mirror should be left out for now. */
  isDown(url: string): boolean {
    return (this.#failed.get(url)?.until ?? -Infinity) > this.#now();
  }

  /** It did not answer, or answered that it cannot. What it merely does not have is no failure. */
  failed(url: string): void {
    const count = (this.#failed.get(url)?.count ?? 0) + 1;
    const pauseMs = Math.min(firstBackoffMs * 2 ** (count - 1), maxBackoffMs);
    this.#failed.set(url, { count, until: this.#now() + pauseMs });
  }

  answered(url: string): void {
    this.#failed.delete(url);
  }
}
