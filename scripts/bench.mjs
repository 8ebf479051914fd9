// Measures Berth beside other engines, in namespaces of its own. Options: see bench/bench.ts.
import { join } from "node:path";
import { must, node, root } from "./lib.mjs";

await import("./setup.mjs");
must(join(root, "scripts/sandbox.sh"), [node, join(root, "bench/bench.ts"), ...process.argv.slice(2)]);
