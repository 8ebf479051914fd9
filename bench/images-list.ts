// What `docker images` costs in the daemon with so many images: `bin/berth-node bench/images-list.ts [COUNT]`.
// Wall and CPU time of the list and of its JSON, medians of so many rounds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ListOptions } from "../src/daemon/image/list.ts";
import { openManyImages } from "../test/support/many-images.ts";

const count = Number(process.argv[2] ?? 1000);
const rounds = 25;
const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

try {
  const opened = performance.now();
  const { images, database } = openManyImages(count, join(folder, "state.db"));
  console.log(`${count} images made in ${(performance.now() - opened).toFixed(0)} ms`);
  using _database = database;
  const cases: [string, ListOptions][] = [
    ["images", {}],
    ["images --no-trunc, sharedSize", { sharedSize: true }],
    ["images --tree (manifests)", { manifests: true }],
  ];
  for (const [name, options] of cases) {
    const [wall, cpu]: [number[], number[]] = [[], []];
    let first = 0;
    let bytes = 0;
    for (let round = 0; round < rounds; round++) {
      const [start, used] = [performance.now(), process.cpuUsage()];
      bytes = JSON.stringify(images.list(options)).length;
      const spent = process.cpuUsage(used);
      wall.push(performance.now() - start);
      cpu.push((spent.user + spent.system) / 1000);
      if (round === 0) first = wall[0] ?? 0;
    }
    const figures = `median ${median(wall).toFixed(1)} ms, CPU ${median(cpu).toFixed(1)} ms, first ${first.toFixed(1)} ms`;
    console.log(`${name.padEnd(32)} ${figures}, ${bytes} bytes`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
