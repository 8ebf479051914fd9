/**
 * Pulls an image of a given shape from Debian's docker-registry on loopback and tells what it took: wall time, CPU time
 * of the daemon and its helpers, memory, and how long the API kept a ping waiting meanwhile. The result is compared with
 * the files that the image was made of.
 *
 *   scripts/sandbox.sh bin/berth-node bench/pull-pipeline.ts [--layers N] [--files N] [--bytes N] [--rounds N]
 *     [--compression gzip|zstd|none] [--directory PATH] [--no-verify] [--folder PATH]
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Daemon, ping } from "../test/support/daemon.ts";
import { startRegistry } from "../test/support/registry.ts";
import { mountOverlay } from "../src/linux/mount/overlay.ts";
import { umount } from "../src/linux/mount/mount.ts";
import { makeImage, putImage } from "./images/make-image.ts";
import { differencesFrom } from "./images/verify-image.ts";
import type { MadeImage } from "./images/make-image.ts";
import { pssKb, sleep } from "./process.ts";

const { values: options } = parseArgs({
  options: {
    layers: { type: "string", default: "8" },
    files: { type: "string", default: "33000" },
    bytes: { type: "string", default: "921000000" },
    rounds: { type: "string", default: "3" },
    compression: { type: "string", default: "gzip" },
    directory: { type: "string", default: "/var/tmp/berth-bench-image" },
    "no-verify": { type: "boolean" },
    folder: { type: "string", default: "/var/tmp/berth-bench-pull" },
    "daemon-args": { type: "string", default: "" },
  },
});

const sampleMs = 50;
const ticksPerSecond = 100;

/** User and system seconds of a process and of the children that it has waited for. */
const cpuSeconds = (pid: number): { own: number; children: number } => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = (from: number): number => (Number(fields[from]) + Number(fields[from + 1])) / ticksPerSecond;
  return { own: ticks(11), children: ticks(13) };
};

const rssKb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

const send = (socketPath: string, method: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
      });
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end();
  });

interface Watch {
  stop: () => Promise<{ pingsMs: number[]; rssMaxKb: number; pssMaxKb: number }>;
}

const watch = (daemon: Daemon, pid: number): Watch => {
  let isOver = false;
  const pingsMs: number[] = [];
  let [rssMaxKb, pssMaxKb] = [0, 0];
  const running = (async () => {
    while (!isOver) {
      const begin = performance.now();
      await ping(daemon.socketPath);
      pingsMs.push(performance.now() - begin);
      rssMaxKb = Math.max(rssMaxKb, rssKb(pid));
      pssMaxKb = Math.max(pssMaxKb, pssKb(pid));
      await sleep(sampleMs);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await running;
      return { pingsMs: pingsMs.sort((a, b) => a - b), rssMaxKb, pssMaxKb };
    },
  };
};

const verify = async (daemon: Daemon, image: MadeImage): Promise<string[]> => {
  const inspected = JSON.parse(await send(daemon.socketPath, "GET", `/images/${image.id}/json`)) as {
    GraphDriver: { Data: { LowerDir?: string; UpperDir: string } };
  };
  const { LowerDir, UpperDir } = inspected.GraphDriver.Data;
  if (LowerDir === undefined) return differencesFrom(image, UpperDir);
  const target = mkdtempSync("/var/tmp/berth-bench-mount-");
  mountOverlay({ lower: [UpperDir, ...LowerDir.split(":")], target });
  try {
    return differencesFrom(image, target);
  } finally {
    umount(target, { detach: true });
    rmSync(target, { recursive: true });
  }
};

const round = async (host: string, image: MadeImage, number: number): Promise<boolean> => {
  // A directory that was never used before: extracting where something was just deleted is slower on ext4.
  const folder = join(options.folder, `${process.pid}-${number}`);
  mkdirSync(folder, { recursive: true });
  await using daemon = await Daemon.start({ folder, args: options["daemon-args"].split(" ").filter(Boolean) });
  const { pid } = daemon;
  if (pid === undefined) throw new Error("no daemon");
  await sleep(500);
  const [before, rssKbBefore, pssKbBefore] = [cpuSeconds(pid), rssKb(pid), pssKb(pid)];
  const watching = watch(daemon, pid);
  const begin = performance.now();
  const told = await send(daemon.socketPath, "POST", `/images/create?fromImage=${host}/bench/image&tag=1`);
  const seconds = (performance.now() - begin) / 1000;
  const { pingsMs, rssMaxKb, pssMaxKb } = await watching.stop();
  const after = cpuSeconds(pid);
  const failed = /"error":"([^"]*)"/.exec(told)?.[1];
  if (failed !== undefined) throw new Error(failed);
  const wrong = options["no-verify"] === true ? [] : await verify(daemon, image);
  for (const text of wrong) console.log(`  wrong: ${text}`);
  const at = (share: number): string => (pingsMs[Math.floor((pingsMs.length - 1) * share)] ?? 0).toFixed(1);
  console.log(
    `${seconds.toFixed(2)} s; CPU ${(after.own - before.own).toFixed(2)} s daemon, ` +
      `${(after.children - before.children).toFixed(2)} s helpers; memory +${((rssMaxKb - rssKbBefore) / 1024).toFixed(0)} MB RSS, ` +
      `+${((pssMaxKb - pssKbBefore) / 1024).toFixed(0)} MB PSS; ping p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms; ` +
      `load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}; ${wrong.length === 0 ? "verified" : "WRONG"}`,
  );
  return wrong.length === 0;
};

const image = await makeImage({
  directory: options.directory,
  layers: Number(options.layers),
  files: Number(options.files),
  bytes: Number(options.bytes),
  compression: options.compression as "gzip" | "zstd" | "none",
});
await using registry = await startRegistry();
await putImage(`http://${registry.host}`, image, "bench/image", "1");
const sum = (key: "sizeBytes" | "tarBytes"): string =>
  (image.layers.reduce((total, layer) => total + layer[key], 0) / 1e6).toFixed(0);
console.log(
  `${image.layers.length} layers, ${sum("sizeBytes")} MB ${options.compression}, ${sum("tarBytes")} MB of tar, ${image.files} files`,
);
for (let number = 0; number < Number(options.rounds); number++)
  if (!(await round(registry.host, image, number))) process.exitCode = 1;
