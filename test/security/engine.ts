import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stockClient } from "../cli/client.ts";
import { clean } from "../conformance/clean.ts";
import { Daemon } from "../support/daemon.ts";
import { dockerArchive, imageOf, layerOf } from "../support/image.ts";
import type { TestImage } from "../support/image.ts";
import type { TarEntry } from "../support/raw-tar.ts";

const commandLimitMs = 30_000;
const applets =
  "sh ash awk cat chmod cp cut date dd echo env false find grep head id ip ls mkdir mknod mount mv nc nslookup ps pwd " +
  "readlink rm sed seq sleep sort stat tail test timeout touch tr true umount wc wget";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** The busybox image of the attacks: users of odd names too, and whatever an attacker adds. */
export const attackLayer = (): TarEntry[] => [
  ...["bin/", "dev/", "etc/", "proc/", "sys/", "root/", "var/", "usr/", "usr/bin/"].map((name) => ({
    name,
    type: "5",
  })),
  { name: "tmp/", type: "5", mode: 0o1777 },
  { name: "bin/busybox", mode: 0o755, content: readFileSync("/bin/busybox") },
  ...applets.split(" ").map((name) => ({ name: `bin/${name}`, type: "2", linkname: "busybox", mode: 0o777 })),
  {
    name: "etc/passwd",
    content: "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:evil:/:/bin/sh\nuser:x:1234:100:u:/:/bin/sh\n",
  },
  { name: "etc/group", content: "root:x:0:\nusers:x:100:\nwheel:x:10:user\n" },
];

/** The program that makes system calls by number, as an image's /bin/probe. */
export const probe = (): TarEntry => {
  const folder = mkdtempSync(join(tmpdir(), "berth-probe-"));
  try {
    const path = join(folder, "probe");
    const source = join(import.meta.dirname, "../support/probe.c");
    execFileSync("/usr/bin/musl-gcc", ["-static", "-O1", "-o", path, source]);
    return { name: "bin/probe", mode: 0o755, content: readFileSync(path) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** An image of `attackLayer` and one more layer. */
export const attackImage = (entries: readonly TarEntry[] = [], config: Record<string, unknown> = {}): TestImage =>
  imageOf({
    layers: [layerOf(attackLayer(), "none"), ...(entries.length > 0 ? [layerOf(entries, "none")] : [])],
    config: { config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...config } },
  });

/** A real daemon and the stock client, for attacks from end to end. */
export class Engine implements AsyncDisposable {
  readonly berthd: Daemon;
  readonly #client = stockClient();

  private constructor(berthd: Daemon) {
    this.berthd = berthd;
  }

  /** @param folder where its roots are; without it a temporary one */
  static async start(args: string[] = [], folder?: string): Promise<Engine> {
    return new Engine(await Daemon.start({ args, ...(folder === undefined ? {} : { folder }) }));
  }

  /** One command of the stock client, killed after half a minute; its status is -1 then. */
  docker(args: readonly string[], options: { input?: Buffer; environment?: NodeJS.ProcessEnv } = {}): Promise<Outcome> {
    const environment = {
      ...process.env,
      DOCKER_HOST: `unix://${this.berthd.socketPath}`,
      DOCKER_CONFIG: join(this.berthd.dataRoot, "no-such-config"),
      ...options.environment,
    };
    const child = spawn(join(this.#client.folder, "docker"), args, { env: environment });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? Buffer.alloc(0));
    const timer = setTimeout(() => child.kill("SIGKILL"), commandLimitMs);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        clearTimeout(timer);
        resolve({ code: code ?? -1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
      });
    });
  }

  /** As `docker`, of a command that must succeed; its stdout without the last newline. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${code} ${stderr}\n${await this.berthd.output()}`);
    return stdout.trimEnd();
  }

  /** Loads an image under a name. */
  async load(tag: string, image: TestImage): Promise<void> {
    const { code, stderr } = await this.docker(["load", "-q"], {
      input: dockerArchive([{ image, tags: [`${tag}:latest`] }]),
    });
    if (code !== 0) throw new Error(stderr);
  }

  /** One request on the daemon's socket. */
  api(method: string, path: string, body?: Buffer | object, headers: Record<string, string> = {}): Promise<Answer> {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const type = bytes === body ? "application/x-tar" : "application/json";
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: this.berthd.socketPath,
          path,
          method,
          agent: false,
          timeout: commandLimitMs,
          headers: bytes === undefined ? headers : { "content-type": type, ...headers },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        },
      );
      call.on("timeout", () => call.destroy(new Error(`${method} ${path} does not answer`)));
      call.on("error", reject);
      call.end(bytes);
    });
  }

  /** The most memory that the daemon has had at a time since `resetPeak`, or its start, in bytes. */
  peakBytes(): number {
    return this.#statusBytes("VmHWM");
  }

  /** Measures the peak anew. @returns the memory that the daemon has now, in bytes */
  resetPeak(): number {
    // Source: proc_pid_clear_refs(5): 5 resets the peak.
    writeFileSync(`/proc/${this.berthd.pid}/clear_refs`, "5");
    return this.#statusBytes("VmRSS");
  }

  #statusBytes(name: string): number {
    const status = readFileSync(`/proc/${this.berthd.pid}/status`, "utf8");
    return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await clean(this.berthd.socketPath);
    } finally {
      await this.berthd[Symbol.asyncDispose]();
    }
  }
}

export interface Answer {
  status: number;
  text: string;
}
