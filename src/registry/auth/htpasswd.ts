import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { readFile, stat } from "node:fs/promises";
import type { HtpasswdConfig } from "../config/config.ts";
import { Lru } from "../content/lru.ts";
import { fault } from "../fault.ts";
import type { Actor, Authenticator } from "./authenticator.ts";
import { PasswordChecker } from "./password-checker.ts";

/** Passwords that were right are remembered for so long, as keyed hashes. */
const rememberedMs = 5 * 60_000;
const maxRemembered = 10_000;
const maxFileBytes = 16 * 1024 * 1024;
/** The file is looked at again after this. */
const freshMs = 1_000;
const maxCredentialCharacters = 4 * 1024;
/** Compared with for a name that nobody has, when the file has none at all. */
const nobody = "$2b$10$abcdefghijklmnopqrstuuIYgyx/kA5dmxPvVnQa8vDyRLyG8n9kG";

/** Names and bcrypt hashes of an Apache file; other hashes are not taken, as docker-registry does not. */
const parse = (text: string): Map<string, string> => {
  const entries = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name = "", hash = ""] = line.trim().split(":", 2);
    if (name !== "" && !name.startsWith("#") && /^\$2[aby]\$\d\d\$.{53}$/.test(hash)) entries.set(name, hash);
  }
  return entries;
};

/** Basic authentication against a file, which is read again when it changes. Who has a password may do everything. */
export class HtpasswdAuthenticator implements Authenticator, AsyncDisposable {
  readonly #config: HtpasswdConfig;
  readonly #checker = new PasswordChecker();
  readonly #secret = randomBytes(32);
  readonly #remembered = new Lru<string, { until: number; mark: Buffer }>(maxRemembered);
  #entries = new Map<string, string>();
  #version = "";
  #lookedAt = 0;

  private constructor(config: HtpasswdConfig) {
    this.#config = config;
  }

  /** @throws Error when the file cannot be read. */
  static async open(config: HtpasswdConfig): Promise<HtpasswdAuthenticator> {
    const authenticator = new HtpasswdAuthenticator(config);
    await authenticator.#refresh();
    return authenticator;
  }

  async authorize(request: IncomingMessage): Promise<Actor> {
    const credentials = readBasic(request.headers.authorization);
    if (credentials === null) throw this.#challenge();
    await this.#refresh();
    const { name, password } = credentials;
    const hash = this.#entries.get(name);
    if (hash !== undefined && this.#isRemembered(name, hash, password)) return { name };
    // A name that nobody has takes as long as one that somebody has.
    const [anyHash = nobody] = this.#entries.values();
    const right = await this.#checker.check(password, hash ?? anyHash);
    if (hash === undefined || !right) throw this.#challenge();
    this.#remembered.set(name, { until: Date.now() + rememberedMs, mark: this.#mark(hash, password) });
    return { name };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#checker[Symbol.asyncDispose]();
  }

  #isRemembered(name: string, hash: string, password: string): boolean {
    const known = this.#remembered.get(name);
    return known !== undefined && known.until > Date.now() && timingSafeEqual(known.mark, this.#mark(hash, password));
  }

  #mark(hash: string, password: string): Buffer {
    return createHmac("sha256", this.#secret).update(`${hash}\0${password}`).digest();
  }

  async #refresh(): Promise<void> {
    const now = Date.now();
    if (now - this.#lookedAt < freshMs) return;
    const { path } = this.#config;
    const { mtimeMs, size, ino } = await stat(path);
    this.#lookedAt = now;
    const version = `${mtimeMs} ${size} ${ino}`;
    if (version === this.#version) return;
    if (size > maxFileBytes) throw new Error(`${path} is larger than ${maxFileBytes} bytes`);
    this.#entries = parse(await readFile(path, "utf8"));
    this.#version = version;
  }

  #challenge() {
    const realm = this.#config.realm.replaceAll(/["\\]/g, "");
    return fault("UNAUTHORIZED", { headers: { "www-authenticate": `Basic realm="${realm}"` } });
  }
}

/** Name and password of a Basic header; null when there are none. */
const readBasic = (header: string | undefined): { name: string; password: string } | null => {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header?.slice(0, maxCredentialCharacters) ?? "")?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 1 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) };
};
