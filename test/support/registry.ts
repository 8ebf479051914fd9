// The tests' registry on loopback, over HTTP or HTTPS, open or with a password: Berth's own, or Debian's docker-registry
// as a peer. Both read the same file.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestImage } from "./image.ts";
import { tokenIssuer, tokenService } from "./token-server.ts";
import type { TokenServer } from "./token-server.ts";

const startTimeoutMs = 15_000;

/** Debian's that the set-up unpacked, or the installed one. */
const dockerRegistry = (): string => {
  const unpacked = join(import.meta.dirname, "../../build/docker-registry/docker-registry");
  return existsSync(unpacked) ? unpacked : "/usr/bin/docker-registry";
};

const programs = { berth: () => join(import.meta.dirname, "../../bin/berth-registry"), docker: dockerRegistry };

export const registryUser = "berth";
export const registryPassword = "open-sesame";
const passwordHash = "$2b$04$vWNiEITrxqgWPmXCTOQeheCr3aJcYyMuv.Qmpu/tCHimLm605ir/e";

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, or another address. */
  host: string;
  scheme: "http" | "https";
  /** A folder of folders `<host>` with `ca.crt`, as the daemon's option wants it; empty over HTTP. */
  certificatesDirectory: string;
  /** Where the registry keeps its files, and its configuration; the content is in `data`. */
  root: string;
  /** Everything that it wrote to stderr, up to a limit. */
  output(): string;
  /** Ends it with a signal, and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  pid: number;
  /** A request as the tests' own client: trusts anything, sends the password. */
  send(method: string, path: string, headers?: Record<string, string>, body?: Uint8Array): Promise<TestAnswer>;
  /** Puts an image there by plain HTTP PUTs. */
  put(image: TestImage, name: string, tag: string): Promise<void>;
}

export interface TestAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

const makeCertificates = (folder: string, address: string): { cert: string; key: string; ca: string } => {
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync("/usr/bin/openssl", args, { stdio: "ignore" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  writeFileSync(file("names"), `subjectAltName=IP:${address},DNS:localhost\n`);
  openssl("req", "-x509", ...curve, "-keyout", file("ca.key"), "-out", file("ca.crt"), "-subj", "/CN=test-ca");
  openssl("req", ...curve, "-keyout", file("key.pem"), "-out", file("request.pem"), "-subj", "/CN=localhost");
  const sign = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-extfile", file("names")];
  openssl("x509", "-req", "-in", file("request.pem"), ...sign, "-out", file("cert.pem"));
  return { cert: file("cert.pem"), key: file("key.pem"), ca: file("ca.crt") };
};

const authOf = ({ tokens }: RegistryOptions, passwords: string | undefined): object | undefined => {
  if (passwords !== undefined) return { htpasswd: { realm: "test", path: passwords } };
  if (tokens === undefined) return undefined;
  const { realm, certificate } = tokens;
  return { token: { realm, service: tokenService, issuer: tokenIssuer, rootcertbundle: certificate } };
};

const configuration = (
  root: string,
  address: string,
  tls: { cert: string; key: string } | undefined,
  auth: object | undefined,
  more: ConfigurationSection,
): string =>
  JSON.stringify(
    merge(
      {
        version: "0.1",
        log: { level: "info", accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: join(root, "data") }, delete: { enabled: true } },
        // docker-registry wants to know where manifests may say that foreign layers are.
        validation: { manifests: { urls: { allow: ["^http://127\\.0\\.0\\.1"] } } },
        http: { addr: `${address}:0`, ...(tls === undefined ? {} : { tls: { certificate: tls.cert, key: tls.key } }) },
        ...(auth === undefined ? {} : { auth }),
      },
      more,
    ),
  );

export interface ConfigurationSection {
  [name: string]: unknown;
}

const isSection = (value: unknown): value is ConfigurationSection =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `more` over `base`, section by section. */
const merge = (base: ConfigurationSection, more: ConfigurationSection): ConfigurationSection => {
  const merged = { ...base };
  for (const [name, value] of Object.entries(more)) {
    const before = merged[name];
    merged[name] = isSection(before) && isSection(value) ? merge(before, value) : value;
  }
  return merged;
};

export interface RegistryOptions {
  /** Berth's when absent. */
  server?: keyof typeof programs;
  /** Sections of the configuration besides the usual ones. */
  config?: ConfigurationSection;
  /** The folder of a registry that has ended, to go on with; this one removes it. */
  root?: string;
  /** Leaves the folder where it is when this registry is disposed. */
  keepRoot?: boolean;
  tls?: boolean;
  password?: boolean;
  /** Wants tokens of this server. */
  tokens?: TokenServer;
  /** An IPv4 address of this machine; loopback when absent, which is never held to its certificate. */
  address?: string;
}

/** Starts a registry on a free port; disposing ends it and removes its files. */
export const startRegistry = async (options: RegistryOptions = {}): Promise<TestRegistry> => {
  const address = options.address ?? "127.0.0.1";
  const root = options.root ?? mkdtempSync(join(tmpdir(), "berth-registry-"));
  const certificatesDirectory = join(root, "certs.d");
  mkdirSync(certificatesDirectory, { recursive: true });
  const certificates = options.tls === true ? makeCertificates(root, address) : undefined;
  const passwords = options.password === true ? join(root, "htpasswd") : undefined;
  if (passwords !== undefined) writeFileSync(passwords, `${registryUser}:${passwordHash}\n`);
  const config = join(root, "config.yml");
  writeFileSync(config, configuration(root, address, certificates, authOf(options, passwords), options.config ?? {}));
  const program = programs[options.server ?? "berth"]();
  const child = spawn(program, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const kill = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  const stop = async (): Promise<void> => {
    await kill("SIGKILL");
    if (options.keepRoot !== true) rmSync(root, { recursive: true, force: true });
  };
  const seen: string[] = [];
  let host: string;
  try {
    host = await listeningOn(child.stderr, seen);
  } catch (error) {
    await stop();
    throw error;
  }
  if (certificates !== undefined) {
    const folder = join(certificatesDirectory, host);
    mkdirSync(folder);
    execFileSync("/bin/cp", [certificates.ca, join(folder, "ca.crt")]);
  }
  const scheme = options.tls === true ? "https" : "http";
  const authorization: Record<string, string> =
    options.password === true
      ? { authorization: `Basic ${Buffer.from(`${registryUser}:${registryPassword}`).toString("base64")}` }
      : {};
  const send: TestRegistry["send"] = (method, path, headers = {}, body) =>
    sendTo(
      path.startsWith("http") ? path : `${scheme}://${host}${path}`,
      method,
      { ...authorization, ...headers },
      body,
    );
  return {
    host,
    scheme,
    certificatesDirectory,
    root,
    output: () => seen.join("\n"),
    kill,
    pid: child.pid ?? 0,
    send,
    put: (image, name, tag) => putImage(send, image, name, tag),
    [Symbol.asyncDispose]: stop,
  };
};

const maxSeenLines = 1000;

const listeningOn = (output: NodeJS.ReadableStream, seen: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`registry: ${seen.join("\n")}`)), startTimeoutMs);
    const lines = createInterface({ input: output });
    lines.on("line", (line) => {
      if (seen.length < maxSeenLines) seen.push(line);
      const found = /listening on (\d[\d.]+:\d+)/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
    lines.on("close", () => {
      clearTimeout(timer);
      reject(new Error(`the registry ended: ${seen.join("\n")}`));
    });
  });

const sendTo = (url: string, method: string, headers: Record<string, string>, body?: Uint8Array): Promise<TestAnswer> =>
  new Promise((resolve, reject) => {
    const length = "transfer-encoding" in headers ? {} : { "content-length": String(body?.length ?? 0) };
    const options = { method, headers: { ...headers, ...length } };
    const request = url.startsWith("https:")
      ? httpsRequest(url, { ...options, rejectUnauthorized: false, agent: false })
      : httpRequest(url, { ...options, agent: false });
    request.on("error", reject);
    request.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end(body);
  });

const expectStatus = (answer: TestAnswer, status: number, what: string): TestAnswer => {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.body.toString("utf8")}`);
  return answer;
};

const putImage = async (send: TestRegistry["send"], image: TestImage, name: string, tag: string): Promise<void> => {
  const blobs: [string, Buffer][] = [
    ...image.layers.map(({ digest, blob }): [string, Buffer] => [digest, blob]),
    [image.id, image.config],
  ];
  for (const [digest, bytes] of blobs) {
    const begun = expectStatus(await send("POST", `/v2/${name}/blobs/uploads/`), 202, "upload");
    const location = new URL(String(begun.headers["location"]));
    location.searchParams.set("digest", digest);
    const headers = { "content-type": "application/octet-stream" };
    expectStatus(await send("PUT", location.href, headers, bytes), 201, "blob");
  }
  const headers = { "content-type": image.manifestType };
  expectStatus(await send("PUT", `/v2/${name}/manifests/${tag}`, headers, image.manifest), 201, "manifest");
};
