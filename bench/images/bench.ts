/**
 * Measures what engines do with images, in one run: pull, save, load, push, commit, list, memory.
 * node bench/images/bench.ts [--rounds N] [--dockerd FOLDER|installed]… [--podman installed] [--no-berth] [--only TEXT]… [--large] [--layer]
 * Run through `npm run bench:images`, which enters the namespaces that the engines need. Each round has fresh engines in
 * fresh directories; nothing is deleted before the end, since extracting soon after that is slower.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { busyboxArchive } from "../../test/support/busybox-image.ts";
import { startBerth, startDockerd, startPodman, type Engine } from "../engines.ts";
import { must } from "../process.ts";
import { markdownTable, median, type Series } from "../table.ts";
import { mountFreshDisk } from "./fresh-disk.ts";
import { makeLargeImage } from "./large-image.ts";
import { makeImage, type MadeImage, putImage } from "./make-image.ts";
import {
  commitFiles,
  listImages,
  loadAndPush,
  memoryOfLargePull,
  pullAndSave,
  pullLayer,
  type Figures,
} from "./measures.ts";
import { startBenchRegistry } from "./registry.ts";

const largeLayers = 10;
const units: Record<string, string> = {
  "list of 1,000 images": "ms",
  "pull memory": "MB",
  "10 GB pull memory": "MB",
  "pushed bytes": "MB",
  "1 GB layer: of the slowest part": "%",
};

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    dockerd: { type: "string", multiple: true, default: [] },
    podman: { type: "string" },
    "no-berth": { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    large: { type: "boolean", default: false },
    layer: { type: "boolean", default: false },
    cache: { type: "string", default: "/var/tmp/berth-bench-images" },
    keep: { type: "boolean", default: false },
  },
});

const folder = mkdtempSync("/var/tmp/berth-bench-images-");
const prefixOf = (value: string): string => (value === "installed" ? "" : value);

/** How each engine is started in a folder of its own. */
const starters: ((folder: string) => Promise<Engine>)[] = [
  ...(options["no-berth"] ? [] : [startBerth]),
  ...options.dockerd.map((prefix) => (path: string) => startDockerd(path, prefixOf(prefix))),
  ...(options.podman === undefined ? [] : [(path: string) => startPodman(path, prefixOf(options.podman ?? ""))]),
];

const wants = (name: string): boolean => options.only === undefined || options.only.includes(name);

const series = new Map<string, Series>();
const names: string[] = [];
const versions: Record<string, string> = {};

const note = (engine: Engine, figures: Figures): void => {
  if (!names.includes(engine.name)) names.push(engine.name);
  versions[engine.name] = engine.version;
  for (const [name, value] of Object.entries(figures)) {
    const one = series.get(name) ?? { name, unit: units[name] ?? "s", samples: {}, errors: {} };
    series.set(name, one);
    (one.samples[engine.name] ??= []).push(value);
    console.log(`    ${engine.name}: ${name} ${value.toFixed(2)} ${one.unit}`);
  }
};

let failed = false;
const withEngine = async (
  start: (folder: string) => Promise<Engine>,
  name: string,
  work: (engine: Engine, path: string) => Promise<Figures>,
  prepare: (path: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> => {
  const path = join(folder, name);
  mkdirSync(path);
  await prepare(path);
  const engine = await start(path);
  try {
    note(engine, await work(engine, path));
  } catch (error) {
    failed = true;
    console.error(`    ${engine.name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await engine.stop();
  }
};

const fillRegistry = async (data: string, image: MadeImage, name: string, log: string): Promise<void> => {
  const registry = await startBenchRegistry(undefined, data, join(folder, log));
  try {
    await putImage("http://127.0.0.1:5000", image, name, "1");
  } finally {
    await registry.stop();
  }
};

/** One layer of 1 GB, which is pulled beside its parts alone. */
let oneLayer: MadeImage;
const prepareLayer = async (registryData: string): Promise<void> => {
  oneLayer = await makeImage({
    directory: join(options.cache, "layer"),
    layers: 1,
    files: 36_000,
    bytes: 1e9,
    seed: 2,
  });
  await fillRegistry(registryData, oneLayer, "bench/layer", "fill-layer");
};

const main = async (): Promise<number> => {
  console.log("  making the image (once)");
  const image = await makeImage({ directory: join(options.cache, "image") });
  const registryData = join(options.cache, "registry");
  await fillRegistry(registryData, image, "bench/image", "fill");
  if (options.layer) await prepareLayer(registryData);
  if (options.large) makeLargeImage(registryData, join(options.cache, "large"), largeLayers);
  const busybox = join(folder, "busybox.tar");
  writeFileSync(busybox, busyboxArchive());
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [index, start] of starters.entries()) {
      const [one, two] = [`pull-${round}-${index}`, `load-${round}-${index}`];
      if (wants("pull"))
        await withEngine(start, one, (engine, path) =>
          pullAndSave(engine, path, image, registryData, round === 0 && engine.name === "berth"),
        );
      if (wants("load"))
        await withEngine(start, two, (engine, path) => loadAndPush(engine, path, join(folder, one, "saved.tar")));
      if (wants("commit"))
        await withEngine(start, `commit-${round}-${index}`, (engine, path) => commitFiles(engine, busybox, path));
      if (wants("list") && round === 0) await withEngine(start, `list-${index}`, (engine) => listImages(engine));
      if (options.layer && index === 0)
        await withEngine(
          start,
          `layer-${round}`,
          (engine, path) => pullLayer(engine, path, oneLayer, registryData),
          mountFreshDisk,
        );
      if (options.large && round === 0 && index === 0)
        await withEngine(start, "large", (engine, path) => memoryOfLargePull(engine, path, registryData));
    }
  }
  const all = [...series.values()];
  console.log(`\n${markdownTable(all, names)}`);
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    host: hostname(),
  };
  const shape = {
    layers: image.layers.length,
    files: image.files,
    gzipBytes: image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    tarBytes: image.layers.reduce((sum, { tarBytes }) => sum + tarBytes, 0),
  };
  const result = {
    at: new Date().toISOString(),
    machine,
    versions,
    image: shape,
    medians: Object.fromEntries(
      all.map((one) => [
        one.name,
        Object.fromEntries(Object.entries(one.samples).map(([name, samples]) => [name, median(samples)])),
      ]),
    ),
    series: all,
  };
  const file = join(import.meta.dirname, "../results", `images-${result.at.replaceAll(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`written to ${file}`);
  return failed ? 1 : 0;
};

try {
  process.exitCode = await main();
} finally {
  await must([
    "/bin/sh",
    "-c",
    `grep -F ' ${folder}/' /proc/self/mounts | cut -d' ' -f2 | tac | xargs -r -n1 umount -l`,
  ]);
  if (!options.keep) rmSync(folder, { recursive: true, force: true });
}
process.exit();
