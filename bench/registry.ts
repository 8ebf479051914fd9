/**
 * Measures Berth's registry beside Debian's docker-registry in one run, on loopback, each in a fresh folder:
 * node bench/registry.ts [--rounds N] [--root FOLDER] [--quick]
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { must, pssKb } from "./process.ts";
import { requestRate } from "./registry-requests.ts";
import { markdownTable, median, type Series } from "./table.ts";

const { values: options } = parseArgs({
  options: { rounds: { type: "string" }, root: { type: "string" }, quick: { type: "boolean" } },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 5));
const megabyte = 1_000_000;
const rateSeconds = options.quick ? 1 : 3;
const connections = 8;

interface Server {
  name: string;
  child: ChildProcess;
  url: string;
  startMs: number;
}

interface Blob {
  path: string;
  digest: string;
  sizeBytes: number;
}

const folder = mkdtempSync(join(options.root ?? "/var/tmp", "berth-bench-registry-"));
const unpacked = join(import.meta.dirname, "../build/docker-registry/docker-registry");
const programs: Record<string, string> = {
  berth: join(import.meta.dirname, "../bin/berth-registry"),
  "docker-registry": existsSync(unpacked) ? unpacked : "/usr/bin/docker-registry",
};

const start = async (name: string): Promise<Server> => {
  const config = join(folder, `${name}.yml`);
  const rootdirectory = join(folder, name);
  const storage = { filesystem: { rootdirectory }, delete: { enabled: true } };
  const log = { level: "info", accesslog: { disabled: true } };
  writeFileSync(config, JSON.stringify({ version: "0.1", log, storage, http: { addr: "127.0.0.1:0" } }));
  const begun = performance.now();
  const child = spawn(programs[name] ?? "", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const host = await new Promise<string>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`${name} ended`)));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      const found = /listening on (\d[\d.]+:\d+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return { name, child, url: `http://${host}`, startMs: performance.now() - begun };
};

const stop = async ({ child }: Server): Promise<void> => {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
};

/** Seconds of processor time that a process has had. */
const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

let blobCount = 0;
/** A new file of random bytes: a block of them over and over, each file beginning differently. */
const block = randomBytes(megabyte);
const makeBlob = (sizeBytes: number): Blob => {
  const path = join(folder, `blob-${blobCount++}`);
  const hash = createHash("sha256");
  const file = openSync(path, "w");
  for (let at = 0; at < sizeBytes; at += megabyte) {
    const bytes = at === 0 ? Buffer.concat([randomBytes(32), block.subarray(32)]) : block;
    const part = bytes.subarray(0, Math.min(megabyte, sizeBytes - at));
    hash.update(part);
    writeSync(file, part);
  }
  closeSync(file);
  return { path, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
};

/** Sends blobs, at most four at a time, as clients do. */
const put = async (server: Server, repository: string, blobs: readonly Blob[]): Promise<void> => {
  const waiting = [...blobs];
  const work = async (): Promise<void> => {
    for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
      const begun = await fetch(`${server.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
      const location = new URL(begun.headers.get("location") ?? "", server.url);
      location.searchParams.set("digest", blob.digest);
      const { stdout } = await must([
        "/usr/bin/curl",
        "-s",
        "-T",
        blob.path,
        "-H",
        "Expect:",
        "-w",
        "%{http_code}",
        location.href,
      ]);
      if (!stdout.endsWith("201")) throw new Error(`${server.name}: ${stdout}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
};

const get = async (server: Server, repository: string, blobs: readonly Blob[]): Promise<void> => {
  const waiting = [...blobs];
  const work = async (): Promise<void> => {
    for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
      const url = `${server.url}/v2/${repository}/blobs/${blob.digest}`;
      const { stdout } = await must(["/usr/bin/curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", url]);
      if (Number(stdout) !== blob.sizeBytes) throw new Error(`${server.name}: ${stdout} bytes came`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
};

const manifestType = "application/vnd.oci.image.manifest.v1+json";

const putManifest = async (server: Server, repository: string, blobs: readonly Blob[]): Promise<void> => {
  const [config, ...layers] = blobs.map(({ digest, sizeBytes }) => ({
    mediaType: "application/octet-stream",
    digest,
    size: sizeBytes,
  }));
  const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers });
  const headers = { "content-type": manifestType };
  const answer = await fetch(`${server.url}/v2/${repository}/manifests/latest`, { method: "PUT", headers, body });
  if (answer.status !== 201) throw new Error(`${server.name}: ${answer.status} ${await answer.text()}`);
};

const series = new Map<string, Series>();
const record = (name: string, unit: string, server: Server, value: number): void => {
  const one = series.get(name) ?? { name, unit, samples: {}, errors: {} };
  series.set(name, one);
  (one.samples[server.name] ??= []).push(value);
};

/** Times `work` over so many bytes, by the clock and by the server's processor time. */
const transfer = async (name: string, server: Server, bytes: number, work: () => Promise<void>): Promise<void> => {
  const pid = server.child.pid ?? 0;
  const [begun, cpu] = [performance.now(), cpuSeconds(pid)];
  await work();
  record(name, "MB/s", server, bytes / megabyte / ((performance.now() - begun) / 1000));
  record(`${name}: processor time of the server per GB`, "ms", server, ((cpuSeconds(pid) - cpu) * 1e12) / bytes);
};

const rate = async (name: string, server: Server, method: string, path: string): Promise<void> => {
  const pid = server.child.pid ?? 0;
  const cpu = cpuSeconds(pid);
  const { perSecond, count } = await requestRate({
    url: server.url,
    method,
    path,
    headers: { accept: manifestType },
    connections,
    seconds: rateSeconds,
  });
  record(name, "/s", server, perSecond);
  record(`${name}: processor time of the server per 1,000`, "ms", server, ((cpuSeconds(pid) - cpu) * 1e6) / count);
};

const main = async (): Promise<void> => {
  const servers: Server[] = [];
  try {
    for (const name of Object.keys(programs)) servers.push(await start(name));
    for (const server of servers) record("start until it listens", "ms", server, server.startMs);
    for (let round = 0; round < rounds; round++) {
      const several = Array.from({ length: 8 }, () => makeBlob(40 * megabyte));
      const large = [makeBlob(300 * megabyte)];
      // Turns are taken in turn, too: what one leaves in the page cache is not always the same one's cost.
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        const repository = `bench/round${round}`;
        await transfer("PUT 8 blobs of 40 MB", server, 8 * 40 * megabyte, () => put(server, repository, several));
        await transfer("PUT 1 blob of 300 MB", server, 300 * megabyte, () => put(server, repository, large));
        await transfer("GET 8 blobs of 40 MB", server, 8 * 40 * megabyte, () => get(server, repository, several));
        await transfer("GET 1 blob of 300 MB", server, 300 * megabyte, () => get(server, repository, large));
        await putManifest(server, repository, several);
        await rate("GET manifest by tag", server, "GET", `/v2/${repository}/manifests/latest`);
        await rate("HEAD manifest by tag", server, "HEAD", `/v2/${repository}/manifests/latest`);
        await rate("HEAD blob", server, "HEAD", `/v2/${repository}/blobs/${several[0]?.digest}`);
      }
      for (const { path } of [...several, ...large]) rmSync(path);
      console.log(`round ${round + 1} of ${rounds}`);
    }
    for (const server of servers) record("memory afterwards", "KB", server, pssKb(server.child.pid ?? 0));
  } finally {
    await Promise.all(servers.map(stop));
    rmSync(folder, { recursive: true, force: true });
  }
  const all = [...series.values()];
  console.log(`\n${markdownTable(all, Object.keys(programs))}`);
  const machine = { cpu: cpus()[0]?.model ?? "", cpus: cpus().length, memoryBytes: totalmem(), kernel: release() };
  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const at = new Date().toISOString();
  const file = join(results, `registry-${at.replaceAll(/[:.]/g, "-")}.json`);
  const medians = all.map(({ name, unit, samples }) => ({
    name,
    unit,
    ...Object.fromEntries(Object.entries(samples).map(([server, values]) => [server, median(values)])),
  }));
  writeFileSync(file, `${JSON.stringify({ at, machine, rounds, medians, series: all }, null, 1)}\n`);
  console.log(`written to ${file}`);
};

await main();
