// Writes docs/compatibility.md from the route table, or with --check says whether it is up to date.
import { must, node, root } from "./lib.mjs";
import { join } from "node:path";

must(node, [join(root, "scripts/compatibility.ts"), ...process.argv.slice(2)]);
