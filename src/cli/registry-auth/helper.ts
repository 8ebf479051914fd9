import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Cli } from "../cli.ts";
import { ExitError } from "../cli.ts";

const maxAnswerBytes = 1024 * 1024;
/** A helper may ask a person for a password. */
const limitMs = 5 * 60 * 1000;
const notFoundText = "credentials not found in native keychain";

/** The user name of a credential that is an identity token. */
export const tokenUser = "<token>";

export interface HelperCredentials {
  ServerURL: string;
  Username: string;
  Secret: string;
}

/** A program by its name, in an absolute folder of the PATH; undefined when there is none. */
export const findProgram = (env: Cli["env"], name: string): string | undefined => {
  if (!/^[\w.-]+$/.test(name)) return undefined;
  for (const folder of (env["PATH"] ?? "").split(":")) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not there.
    }
  }
  return undefined;
};

const run = (
  path: string,
  verb: string,
  input: string,
  env: Cli["env"],
): Promise<{ code: number | null; out: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(path, [verb], { stdio: ["pipe", "pipe", "inherit"], env: { ...env } });
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxAnswerBytes) child.kill("SIGKILL");
      else chunks.push(chunk);
    });
    child.stdin.on("error", () => {}); // it may end before it has read everything
    child.stdin.end(input);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, out: Buffer.concat(chunks).toString("utf8").trim() });
    });
  });

/** Keeps credentials outside of the configuration file: `docker-credential-NAME` on the PATH. **Source:** docker-credential-helpers. */
export class CredentialHelper {
  readonly #name: string;
  readonly #env: Cli["env"];

  constructor(name: string, env: Cli["env"]) {
    this.#name = `docker-credential-${name}`;
    this.#env = env;
  }

  /** Undefined when it has none for the registry. @throws ExitError */
  async get(server: string): Promise<HelperCredentials | undefined> {
    const { code, out } = await this.#run("get", server);
    if (code !== 0 && out === notFoundText) return undefined;
    if (code !== 0) throw this.#failure("getting", out);
    try {
      const { Username, Secret } = JSON.parse(out) as Partial<HelperCredentials>;
      if (typeof Username === "string" && typeof Secret === "string") return { ServerURL: server, Username, Secret };
    } catch {
      // Told below.
    }
    throw this.#failure("getting", "not the answer of a credential helper");
  }

  /** @throws ExitError */
  async store(credentials: HelperCredentials): Promise<void> {
    const { code, out } = await this.#run("store", JSON.stringify(credentials));
    if (code !== 0) throw this.#failure("storing", out);
  }

  /** @throws ExitError */
  async erase(server: string): Promise<void> {
    const { code, out } = await this.#run("erase", server);
    if (code !== 0 && out !== notFoundText) throw this.#failure("erasing", out);
  }

  #run(verb: string, input: string): ReturnType<typeof run> {
    const path = findProgram(this.#env, this.#name);
    if (path === undefined)
      throw new ExitError(
        1,
        `error getting credentials - err: exec: "${this.#name}": executable file not found in $PATH, out: \`\``,
      );
    return run(path, verb, input, this.#env);
  }

  #failure(what: string, out: string): ExitError {
    return new ExitError(1, `error ${what} credentials - err: exit status 1, out: \`${out}\``);
  }
}
