import { RegistryClient } from "./client.ts";
import type { ClientOptions } from "./client.ts";
import { authFor } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { TransportError } from "./registry-error.ts";
import { once } from "./retry.ts";

/**
 * One place that has a repository: a mirror, or the registry itself, which may have several ways in (HTTPS, then HTTP).
 * It is met when it is first asked.
 */
export class RegistryHost implements Disposable {
  readonly mirror: boolean;
  /** Names it in `MirrorHealth`. */
  readonly key: string;
  readonly #endpoints: readonly Endpoint[];
  readonly #options: ClientOptions;
  readonly #scopes: readonly string[];
  #client: Promise<RegistryClient> | undefined;

  /** @param endpoints ways into the same host, the first that answers is taken */
  constructor(endpoints: readonly Endpoint[], options: ClientOptions, scopes: readonly string[]) {
    const [first] = endpoints;
    this.mirror = first?.mirror === true;
    this.key = first === undefined ? "" : `${first.scheme}://${first.host}${first.prefix}`;
    this.#endpoints = endpoints;
    const auth = this.mirror ? authFor(options.auth, first?.host ?? "") : options.auth;
    // Who has somewhere else to ask need not ask twice.
    this.#options = this.mirror ? { ...options, auth, retry: once } : { ...options, auth };
    this.#scopes = scopes;
  }

  /** @throws TransportError when it does not answer. A mirror is not tried again within one operation. */
  client(): Promise<RegistryClient> {
    if (this.#client !== undefined) return this.#client;
    const opened = this.#open();
    this.#client = opened;
    if (!this.mirror) opened.catch(() => (this.#client = undefined));
    return opened;
  }

  async #open(): Promise<RegistryClient> {
    let last: unknown = new Error("no endpoints found");
    for (const endpoint of this.#endpoints) {
      try {
        return await RegistryClient.open(endpoint, this.#options, this.#scopes);
      } catch (error) {
        if (!(error instanceof TransportError) || this.#options.signal?.aborted) throw error;
        last = error;
      }
    }
    throw last;
  }

  [Symbol.dispose](): void {
    this.#client?.then(
      (client) => client[Symbol.dispose](),
      () => undefined,
    );
  }
}
