import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LayerWorkers } from "../src/oci/layer/worker/pool.ts";
import { unpackFrom } from "../src/oci/layer/transfer.ts";
const image = JSON.parse(readFileSync("/var/tmp/berth-bench-image/image.json", "utf8")).image;
const root = `/var/tmp/berth-unpack-tmp/${process.pid}`;
await using workers = new LayerWorkers();
const t0 = performance.now();
const c0 = process.cpuUsage();
for (const [i, l] of image.layers.entries()) {
  const d = join(root, String(i));
  mkdirSync(join(d, "root"), { recursive: true });
  const r = await unpackFrom(
    workers,
    { path: l.blob },
    { root: join(d, "root"), journal: join(d, "tar"), orphans: join(d, "orphans") },
    { whiteouts: "overlay" },
  );
  if (r.diffId !== l.diffId) throw new Error("bad");
}
const c = process.cpuUsage(c0);
console.log(
  "wall",
  ((performance.now() - t0) / 1000).toFixed(2),
  "user",
  (c.user / 1e6).toFixed(2),
  "sys",
  (c.system / 1e6).toFixed(2),
);
