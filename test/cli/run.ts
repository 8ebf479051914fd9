import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Prepared } from "../conformance/clean.ts";
import { Normaliser } from "../conformance/normalise.ts";
import type { Case } from "./case.ts";

/** What a command line did, normalised. */
export interface CliResult {
  name: string;
  code: number;
  stdout: string;
  stderr: string;
}

const caseLimitMs = 20_000;

const run = (sh: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Omit<CliResult, "name">> =>
  new Promise((resolve, reject) => {
    // A process group of its own: what a stuck command line has started ends with it.
    const child = spawn("/bin/sh", ["-c", sh], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => {
      process.kill(-(child.pid ?? 0), "SIGKILL");
      reject(new Error(`not done within ${caseLimitMs} ms: ${sh}`));
    }, caseLimitMs);
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });

/** Sizes, durations and column widths follow from chance or from this machine's busybox. */
const tidy = (text: string): string =>
  text
    .replaceAll(/\b(?!0B)\d+(\.\d+)?(B|kB|MB|GB|KiB|MiB|GiB)(?=\s|\/|\(|\)|$)/gm, "<size>")
    .replaceAll(
      /\b(?:about |less than )?(?:an?|\d+) (?:second|minute|hour|day|month|year)s?( ago)?\b/gi,
      "<duration>$1",
    )
    .replaceAll(/\b\d+ (month|year)s ago/g, "<duration> ago")
    .replaceAll(/\b(?:\d{2}|\d)\.\d{2}%/g, "<percent>")
    .replaceAll(/"Pid": [1-9]\d*/g, '"Pid": <number>')
    .replaceAll(/\b[0-9a-f]{11,}…/g, "<id>…")
    .replaceAll(/\/dev\/pts\/\d+/g, "/dev/pts/<number>")
    // The client's own complaints about a refused upload or a wait that it gave up: a matter of timing.
    .replaceAll(/^time="[^"]*" level=error msg="(?:Can't |error waiting for container: context canceled).*\n/gm, "")
    .replaceAll(/ {2,}/g, "  ")
    .replaceAll(/[ \t]+$/gm, "");

/** Runs the command lines of one group in order, in one folder, with a configuration of their own. */
export class CliRunner implements AsyncDisposable {
  readonly #env: NodeJS.ProcessEnv;
  readonly #folder: string;
  readonly #normaliser: Normaliser;

  private constructor(env: NodeJS.ProcessEnv, folder: string, normaliser: Normaliser) {
    this.#env = env;
    this.#folder = folder;
    this.#normaliser = normaliser;
  }

  /** `cliFolder`: where the `docker` under test lies. */
  static async open({ socketPath, vars, rootDir }: Prepared, cliFolder: string): Promise<CliRunner> {
    const folder = await mkdtemp(join(tmpdir(), "berth-cli-"));
    const env = {
      PATH: `${cliFolder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      DOCKER_HOST: `unix://${socketPath}`,
      DOCKER_CONFIG: join(folder, "docker-config"),
      DOCKER_CLI_HINTS: "false",
      HOME: folder,
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
      TERM: "xterm",
      SHELL: "/bin/sh",
    };
    vars.set("case-folder", folder);
    return new CliRunner(env, folder, new Normaliser(vars, rootDir));
  }

  /** @returns the result to record, or undefined for a set-up command. @throws when a set-up command fails. */
  async run(item: Case): Promise<CliResult | undefined> {
    const result = await run(item.sh, this.#folder, this.#env);
    if (item.setup) {
      if (result.code !== 0) throw new Error(`set-up command failed: ${item.sh}: ${result.stderr}`);
      return undefined;
    }
    const clean = (text: string) => tidy(this.#normaliser.text(text));
    const stdout = clean(result.stdout);
    return {
      name: item.name,
      code: result.code,
      stdout: item.sorted ? stdout.split("\n").toSorted().join("\n") : stdout,
      stderr: clean(result.stderr),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
