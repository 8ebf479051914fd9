// Format, lint, types, unit tests and the architecture test. Needs no root and starts no container.
import { join } from "node:path";
import { must, node, root } from "./lib.mjs";
import { installDependencies } from "./setup/dependencies.mjs";

installDependencies();
const bin = (name) => join(root, "node_modules/.bin", name);
must(bin("oxfmt"), ["--check", "src", "test", "bench", "scripts"]);
must(bin("oxlint"), ["--type-aware", "--deny-warnings", "src", "test", "bench", "scripts"]);
must(bin("tsc"), ["-p", "."]);
must(node, [join(root, "scripts/compatibility.ts"), "--check"]);
must(node, ["--test", "src/**/*.test.ts", "test/architecture.test.ts"]);
