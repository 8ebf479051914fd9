import type { DiskReport } from "../../wire/engine/disk.ts";
import type { SystemInfo, SystemVersion } from "../../wire/engine/system.ts";
import type { Credentials, SystemContext } from "./context.ts";
import { diskDetails, diskUsage } from "./disk-usage.ts";
import { info } from "./info.ts";
import { type ApiWindow, version } from "./version.ts";

/** What the API can ask of the engine as a whole. */
export class SystemService {
  readonly #context: SystemContext;
  readonly #window: ApiWindow;
  /** Documents that cost something are made once for all who ask meanwhile. */
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(context: SystemContext, window: ApiWindow) {
    this.#context = context;
    this.#window = window;
  }

  version(): Promise<SystemVersion> {
    return version(this.#context, this.#window);
  }

  info(): Promise<SystemInfo> {
    return this.#share("info", () => info(this.#context));
  }

  diskUsage(types: readonly string[]): Promise<object> {
    return this.#share(`df ${[...types].sort().join()}`, () => diskUsage(this.#context, types));
  }

  diskDetails(): Promise<DiskReport> {
    return this.#share("disk", () => diskDetails(this.#context));
  }

  async auth(credentials: Credentials, signal: AbortSignal): Promise<{ Status: string; IdentityToken: string }> {
    const { status, identityToken } = await this.#context.login(credentials, signal);
    return { Status: status, IdentityToken: identityToken };
  }

  #share<T>(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const result = work().finally(() => this.#running.delete(key));
    this.#running.set(key, result);
    return result;
  }
}
