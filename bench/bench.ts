/**
 * Measures Berth beside other engines in one run: node bench/bench.ts [--engine NAME] [--bench TEXT] [--dockerd FOLDER|installed] [--podman FOLDER|installed] [--quick]
 * Run through `npm run bench`, which enters the namespaces that the engines need.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { busyboxArchive } from "../test/support/busybox-image.ts";
import { benches, type Bench } from "./benches.ts";
import { startBerth, startDockerd, startNull, startPodman, type Engine } from "./engines.ts";
import { must, run } from "./process.ts";
import { faults, observe } from "./same-container.ts";
import { markdownTable, median, type Series } from "./table.ts";

/** No bench may take longer per engine; what was measured until then counts. */
const benchLimitMs = 120_000;
const lineBytes = 100;
const linesFileBytes = 20_000_000;

const { values: options } = parseArgs({
  options: {
    bench: { type: "string", multiple: true },
    "no-berth": { type: "boolean" },
    dockerd: { type: "string", multiple: true },
    podman: { type: "string" },
    quick: { type: "boolean" },
    keep: { type: "boolean" },
    unchecked: { type: "boolean" },
  },
});

const folder = mkdtempSync("/var/tmp/berth-bench-");
const engineFolder = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const prefixOf = (value: string): string => (value === "installed" ? "" : value);
const installed = async (name: string): Promise<boolean> =>
  (await run(["/bin/sh", "-c", `command -v ${name}`])).code === 0;

/** `engines` gets each as soon as it runs: those that do are stopped when another cannot be started. */
const startEngines = async (engines: Engine[]): Promise<void> => {
  engines.push(await startNull(engineFolder("null")));
  if (!options["no-berth"]) engines.push(await startBerth(engineFolder("berth")));
  const dockerds = options.dockerd ?? ((await installed("dockerd")) ? ["installed"] : []);
  for (const [index, prefix] of dockerds.entries())
    engines.push(await startDockerd(engineFolder(`dockerd-${index}`), prefixOf(prefix)));
  const podman = options.podman ?? ((await installed("podman")) ? "installed" : undefined);
  if (podman !== undefined) engines.push(await startPodman(engineFolder("podman"), prefixOf(podman)));
};

const loadImage = async (engine: Engine): Promise<void> => {
  const lines = `${"x".repeat(lineBytes - 1)}\n`.repeat(linesFileBytes / lineBytes);
  const archive = join(folder, "image.tar");
  writeFileSync(
    archive,
    busyboxArchive({
      layers: [
        [
          { name: "bench/", type: "5" },
          { name: "bench/lines", content: lines },
        ],
      ],
    }),
  );
  const policy = engine.name.startsWith("podman") ? ["--signature-policy", join(folder, "podman/policy.json")] : [];
  await must([...engine.cli, "load", ...policy, "-i", archive], { env: engine.env });
};

const fits = (bench: Bench, engine: Engine): boolean =>
  engine.name === "null" ? (bench.null ?? false) : engine.socketPath !== undefined || !bench.daemon;

/** Samples of one bench, the engines taking turns so that noise meets all of them alike. */
const measure = async (bench: Bench, engines: Engine[]): Promise<Series> => {
  const series: Series = { name: bench.name, unit: bench.unit, samples: {}, errors: {} };
  const taking = engines.filter((engine) => fits(bench, engine));
  const states = new Map<Engine, unknown>();
  const spent = new Map<Engine, number>();
  const fail = (engine: Engine, error: unknown) => {
    series.errors[engine.name] = error instanceof Error ? error.message : String(error);
    console.error(`    ${engine.name}: ${series.errors[engine.name]}`);
  };
  for (const engine of taking)
    await bench.setup?.(engine).then(
      (state) => states.set(engine, state),
      (error: unknown) => fail(engine, error),
    );
  const rounds = options.quick ? Math.min(bench.samples, 3) : bench.samples;
  for (let round = 0; round < rounds; round += 1) {
    for (const engine of taking) {
      if (series.errors[engine.name] || (spent.get(engine) ?? 0) > benchLimitMs) continue;
      const begin = performance.now();
      try {
        const value = await bench.sample(engine, states.get(engine));
        (series.samples[engine.name] ??= []).push(value);
      } catch (error) {
        fail(engine, error);
      }
      spent.set(engine, (spent.get(engine) ?? 0) + performance.now() - begin);
    }
  }
  for (const engine of taking)
    await bench.teardown?.(engine, states.get(engine)).catch((error: unknown) => fail(engine, error));
  return series;
};

/** The containers that are timed must be whole ones: @returns what is wrong, by engine. */
const check = async (engines: Engine[]): Promise<Record<string, string[]>> => {
  const real = engines.filter((engine) => engine.name !== "null");
  const seen = new Map<string, Record<string, string>>();
  for (const engine of real) {
    seen.set(engine.name, await observe(engine).catch((error: unknown) => ({ error: String(error) })));
  }
  const dockerd = real.find((engine) => engine.name.startsWith("dockerd"));
  const reference = dockerd && seen.get(dockerd.name);
  // podman's own defaults differ from Docker's; it is here for its times.
  const measured = real.filter((engine) => !engine.name.startsWith("podman"));
  return Object.fromEntries(measured.map((engine) => [engine.name, faults(seen.get(engine.name) ?? {}, reference)]));
};

/** What an engine leaves mounted below its folder; all of it is in this mount namespace. */
const unmountBelow = (path: string): void => {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.toReversed()) if (mount.startsWith(`${path}/`)) spawnSync("umount", ["-l", mount]);
};

const main = async (): Promise<number> => {
  const engines: Engine[] = [];
  let failed = false;
  try {
    await startEngines(engines);
    for (const engine of engines) if (engine.name !== "null") await loadImage(engine);
    const wrong = options.unchecked ? {} : await check(engines);
    for (const [name, texts] of Object.entries(wrong)) {
      for (const text of texts) console.error(`${name}: not the container that dockerd makes: ${text}`);
      if (name === "berth" && texts.length > 0) failed = true;
    }
    const series: Series[] = [];
    for (const bench of benches(folder)) {
      if (options.bench && !options.bench.some((text) => bench.name.includes(text))) continue;
      console.log(`  ${bench.name}`);
      const result = await measure(bench, engines);
      for (const [name, samples] of Object.entries(result.samples))
        console.log(`    ${name}: ${median(samples).toFixed(1)} ${bench.unit} of ${samples.length}`);
      if (result.errors["berth"]) failed = true;
      series.push(result);
    }
    const names = engines.map((engine) => engine.name);
    console.log(`\n${markdownTable(series, names)}`);
    const machine = {
      cpu: cpus()[0]?.model ?? "",
      cpus: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      host: hostname(),
    };
    const versions = Object.fromEntries(engines.map((engine) => [engine.name, engine.version]));
    const client = (await must(["docker", "--version"])).stdout.trim();
    const result = { at: new Date().toISOString(), machine, client, versions, checks: wrong, series };
    const results = join(import.meta.dirname, "results");
    mkdirSync(results, { recursive: true });
    const file = join(results, `${result.at.replaceAll(/[:.]/g, "-")}.json`);
    writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
    console.log(`written to ${file}`);
  } finally {
    for (const engine of engines) await engine.stop();
    if (!options.keep) unmountBelow(folder);
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  }
  return failed ? 1 : 0;
};

process.exit(await main());
