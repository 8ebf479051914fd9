import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fault } from "../fault.ts";
import { isRepositoryName } from "../name.ts";
import { Hashers } from "./hashers.ts";
import { UploadSession } from "./session.ts";
import type { SessionRecord } from "./session.ts";

const idGrammar = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export interface UploadLimits {
  /** Uploads that may be open at a time: each may have a descriptor. */
  sessions: number;
  /** When there are so many, those that nobody has written to for so long make room. */
  idleMs: number;
}

const defaultLimits: UploadLimits = { sessions: 4_096, idleMs: 10 * 60_000 };
/** Room is looked for no more often: it means to read all of them. */
const roomIntervalMs = 10_000;

/**
 * The uploads of a registry, in a folder of this machine: `<id>/data` is what has come, `<id>/session.json` whose it
 * is. Both are written at once, so an upload goes on after the server was killed.
 */
export class Uploads implements AsyncDisposable {
  readonly #folder: string;
  readonly #hashers = new Hashers();
  readonly #sessions = new Map<string, UploadSession>();
  readonly #limits: UploadLimits;
  #count = 0;
  #madeRoomAt = -Infinity;

  private constructor(folder: string, limits: UploadLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  static async open(folder: string, limits = defaultLimits): Promise<Uploads> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const uploads = new Uploads(folder, limits);
    uploads.#count = (await readdir(folder)).length;
    return uploads;
  }

  async create(repository: string, algorithm: string): Promise<UploadSession> {
    if (this.#count >= this.#limits.sessions) await this.#makeRoom();
    if (this.#count >= this.#limits.sessions) {
      throw fault("TOOMANYREQUESTS", { message: "too many uploads are open", headers: { "retry-after": "60" } });
    }
    const id = randomUUID();
    const folder = join(this.#folder, id);
    const record: SessionRecord = { repository, algorithm, startedAt: Date.now() };
    await mkdir(folder, { mode: 0o700 });
    this.#count++;
    await Promise.all([
      writeFile(join(folder, "data"), "", { mode: 0o600 }),
      writeFile(join(folder, "session.json"), JSON.stringify(record), { mode: 0o600 }),
    ]);
    const session = new UploadSession(id, folder, record, this.#hashers, 0);
    this.#sessions.set(id, session);
    return session;
  }

  async #makeRoom(): Promise<void> {
    const now = performance.now();
    if (now - this.#madeRoomAt < roomIntervalMs) return;
    this.#madeRoomAt = now;
    await this.purge(this.#limits.idleMs);
  }

  /** @throws RegistryFault BLOB_UPLOAD_UNKNOWN */
  async find(repository: string, id: string): Promise<UploadSession> {
    const session = idGrammar.test(id) ? (this.#sessions.get(id) ?? (await this.#restore(id))) : undefined;
    if (session?.record.repository !== repository) throw fault("BLOB_UPLOAD_UNKNOWN", { detail: { id } });
    return session;
  }

  async remove(session: UploadSession): Promise<void> {
    if (this.#sessions.delete(session.id)) this.#count--;
    await session.remove();
  }

  /** Removes all, before anybody can have begun one: a cache's own, which nobody goes on with after a crash. */
  async clear(): Promise<void> {
    for (const id of await readdir(this.#folder)) await rm(join(this.#folder, id), { recursive: true, force: true });
    this.#count = 0;
  }

  /** Removes uploads that nobody has written to for so long. @returns how many */
  async purge(olderThanMs: number): Promise<number> {
    let removed = 0;
    for (const id of await readdir(this.#folder)) {
      const session = this.#sessions.get(id) ?? (idGrammar.test(id) ? await this.#restore(id) : undefined);
      if (session !== undefined) {
        if (session.busy || Date.now() - session.lastUseMs < olderThanMs) continue;
        await this.remove(session);
      } else {
        const folder = join(this.#folder, id);
        const age = Date.now() - ((await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now());
        if (age < olderThanMs) continue;
        await rm(folder, { recursive: true, force: true });
        this.#count--;
      }
      removed++;
    }
    return removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashers[Symbol.asyncDispose]();
  }

  /** An upload of the time before this process. */
  async #restore(id: string): Promise<UploadSession | undefined> {
    const folder = join(this.#folder, id);
    let record: SessionRecord;
    let sizeBytes: number;
    let lastUseMs: number;
    try {
      const parsed: unknown = JSON.parse(await readFile(join(folder, "session.json"), "utf8"));
      if (!isRecord(parsed)) return undefined;
      record = parsed;
      const found = await stat(join(folder, "data"));
      [sizeBytes, lastUseMs] = [found.size, found.mtimeMs];
    } catch {
      return undefined;
    }
    const session =
      this.#sessions.get(id) ?? new UploadSession(id, folder, record, this.#hashers, sizeBytes, lastUseMs);
    this.#sessions.set(id, session);
    return session;
  }
}

const isRecord = (value: unknown): value is SessionRecord => {
  if (typeof value !== "object" || value === null) return false;
  const { repository, algorithm, startedAt } = value as Partial<SessionRecord>;
  const known = algorithm === "sha256" || algorithm === "sha384" || algorithm === "sha512";
  return typeof repository === "string" && isRepositoryName(repository) && known && typeof startedAt === "number";
};
