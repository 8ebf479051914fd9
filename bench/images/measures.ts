import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { Engine } from "../engines.ts";
import { must, pssKb, sleep } from "../process.ts";
import { differencesFrom } from "./verify-image.ts";
import type { MadeImage } from "./make-image.ts";
import { startBenchRegistry } from "./registry.ts";

/** Seconds, milliseconds or megabytes by the name of what was measured. */
export type Figures = Record<string, number>;

export const imageName = "127.0.0.1:5000/bench/image:1";
const pushName = "127.0.0.1:5000/fresh/image:1";

const sync = (): Promise<unknown> => must(["/bin/sync"]);
const isPodman = (engine: Engine): boolean => engine.name.startsWith("podman");

const seconds = async (engine: Engine, ...args: string[]): Promise<number> => {
  await sync();
  return (await must([...engine.cli, ...args], { env: engine.env })).tookMs / 1000;
};

/** Highest PSS of the daemons, above what they had before, while `work` runs. Megabytes. */
export const growthOf = async (engine: Engine, work: () => Promise<unknown>): Promise<number> => {
  const now = (): number => engine.pids().reduce((sum, pid) => sum + pssKb(pid), 0) / 1024;
  const before = now();
  let [peak, runs] = [before, true];
  const watch = (async () => {
    for (; runs; await sleep(200)) peak = Math.max(peak, now());
  })();
  try {
    await work();
  } finally {
    runs = false;
    await watch;
  }
  return peak - before;
};

/** Pulls the image into an engine that has nothing, and saves it. */
export const pullAndSave = async (
  engine: Engine,
  folder: string,
  image: MadeImage,
  registryData: string,
  verify: boolean,
): Promise<Figures> => {
  const figures: Figures = {};
  const registry = await startBenchRegistry(engine.network, registryData, join(folder, "registry"));
  try {
    const policy = isPodman(engine) ? ["--tls-verify=false", "--signature-policy", join(folder, "policy.json")] : [];
    figures["pull memory"] = await growthOf(engine, async () => {
      figures["pull"] = await seconds(engine, "pull", ...policy, imageName);
    });
  } finally {
    await registry.stop();
  }
  if (verify) {
    const wrong = await verifyPulled(engine, folder, image);
    if (wrong.length > 0) throw new Error(`the pulled image is not the source:\n${wrong.join("\n")}`);
  }
  const archive = join(folder, "saved.tar");
  figures["save"] = await seconds(engine, "save", "-o", archive, imageName);
  return figures;
};

/** Merges the image's layers by the paths that inspect tells, and compares. */
const verifyPulled = async (engine: Engine, folder: string, image: MadeImage): Promise<string[]> => {
  const format = "{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}";
  const { stdout } = await must([...engine.cli, "image", "inspect", "-f", format, imageName], { env: engine.env });
  const merged = join(folder, "merged");
  mkdirSync(merged);
  const lower = stdout.trim().replace(/:(<no value>)?$/, "");
  await must(["mount", "-t", "overlay", "overlay", "-o", `ro,lowerdir=${lower}`, merged]);
  try {
    return differencesFrom(image, merged);
  } finally {
    await must(["umount", merged]);
  }
};

/** Loads an archive into an engine that has nothing, and pushes it to a registry that has nothing. */
export const loadAndPush = async (engine: Engine, folder: string, archive: string): Promise<Figures> => {
  const figures: Figures = {};
  const policy = isPodman(engine) ? ["--signature-policy", join(folder, "policy.json")] : [];
  figures["load"] = await seconds(engine, "load", ...policy, "-i", archive);
  await must([...engine.cli, "tag", imageName, pushName], { env: engine.env });
  const registry = await startBenchRegistry(engine.network, join(folder, "pushed"), join(folder, "registry"));
  try {
    const open = isPodman(engine) ? ["--tls-verify=false", ...policy] : [];
    figures["push"] = await seconds(engine, "push", ...open, pushName);
    figures["pushed bytes"] = (await duBytes(join(folder, "pushed"))) / 1e6;
  } finally {
    await registry.stop();
  }
  return figures;
};

const duBytes = async (path: string): Promise<number> =>
  Number((await must(["/usr/bin/du", "-sb", path])).stdout.split("\t")[0]);

/** A container of busybox that writes 20,000 files, committed. */
export const commitFiles = async (engine: Engine, busybox: string, folder: string): Promise<Figures> => {
  const { cli, env } = engine;
  const policy = isPodman(engine) ? ["--signature-policy", join(folder, "policy.json")] : [];
  await must([...cli, "load", ...policy, "-i", busybox], { env });
  const write =
    "for d in $(seq 200); do mkdir -p /new/$d; for f in $(seq 100); do echo $d $f some words of content >/new/$d/$f; done; done";
  await must([...cli, "run", "--name", "writer", "--network", "none", "busybox", "sh", "-c", write], { env });
  const commit = await seconds(engine, "commit", "writer", "committed:1");
  await must([...cli, "rm", "-f", "writer"], { env });
  return { "commit of 20,000 files": commit };
};

const get = (socketPath: string, path: string): Promise<{ tookMs: number; bytes: number; body: string }> =>
  new Promise((resolve, reject) => {
    const begin = performance.now();
    const sent = request({ socketPath, path }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ tookMs: performance.now() - begin, bytes: body.length, body });
      });
    });
    sent.on("error", reject);
    sent.end();
  });

const importOne = (socketPath: string, index: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const path = `/images/create?fromSrc=-&repo=list/image${index}&tag=1`;
    const sent = request({ socketPath, path, method: "POST" }, (answer) => {
      answer.resume();
      answer.on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))));
    });
    sent.on("error", reject);
    sent.end(tarOf(`file-${index}`));
  });

/** An archive of one empty file. */
const tarOf = (name: string): Buffer => {
  const block = Buffer.alloc(512 * 3);
  block.write(name, 0);
  block.write("0000644\0" + "0000000\0" + "0000000\0" + "00000000000\0" + "00000000000\0" + "        0", 100);
  block.write("ustar\0" + "00", 257);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
};

const images = 1000;
const samples = 15;

/** How long the daemon takes to list 1,000 images. */
export const listImages = async (engine: Engine): Promise<Figures> => {
  const { socketPath } = engine;
  if (socketPath === undefined) return {};
  for (let index = 0; index < images; index++) await importOne(socketPath, index);
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const { tookMs, body } = await get(socketPath, "/images/json");
    if ((JSON.parse(body) as unknown[]).length < images) throw new Error("images are missing from the list");
    times.push(tookMs);
  }
  return { "list of 1,000 images": times.sort((a, b) => a - b)[samples >> 1] ?? 0 };
};

/** The daemon's memory while it pulls `gigabytes` layers of 1 GB each. */
export const memoryOfLargePull = async (engine: Engine, folder: string, registryData: string): Promise<Figures> => {
  const registry = await startBenchRegistry(engine.network, registryData, join(folder, "registry"));
  try {
    let took = 0;
    const growth = await growthOf(engine, async () => {
      took = await seconds(engine, "pull", "127.0.0.1:5000/bench/large:1");
    });
    return { "10 GB pull": took, "10 GB pull memory": growth };
  } finally {
    await registry.stop();
  }
};

/** Pulls an image of one layer, and does each part of that alone, in the same run. */
export const pullLayer = async (
  engine: Engine,
  folder: string,
  image: MadeImage,
  registryData: string,
): Promise<Figures> => {
  const blob = image.layers[0]?.blob ?? "";
  const node = join(import.meta.dirname, "../../bin/berth-node");
  const { stdout } = await must([node, join(import.meta.dirname, "parts.ts"), blob, join(folder, "parts")]);
  const parts = JSON.parse(stdout) as Record<string, number>;
  const registry = await startBenchRegistry(engine.network, registryData, join(folder, "registry"));
  try {
    const pull = await seconds(engine, "pull", "127.0.0.1:5000/bench/layer:1");
    const slowest = Math.max(...Object.values(parts));
    const alone = Object.entries(parts).map(([name, value]): [string, number] => [`1 GB layer: ${name} alone`, value]);
    return {
      "1 GB layer: pull": pull,
      "1 GB layer: of the slowest part": (100 * slowest) / pull,
      ...Object.fromEntries(alone),
    };
  } finally {
    await registry.stop();
  }
};
