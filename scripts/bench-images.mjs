// Measures what engines do with images, in namespaces of its own. Options: see bench/images/bench.ts.
import { join } from "node:path";
import { must, node, root } from "./lib.mjs";

await import("./setup.mjs");
must(join(root, "scripts/sandbox.sh"), [node, join(root, "bench/images/bench.ts"), ...process.argv.slice(2)]);
