// The Engine API as Berth serves it, from the route table itself: what has a handler of its own works, what is in
// `unsupportedRoutes` answers 501 or 503.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allRoutes } from "../src/daemon/api/routes/index.ts";
import { unsupportedRoutes } from "../src/daemon/api/routes/unsupported.ts";
import { maxApiVersion, minApiVersion } from "../src/daemon/api/version.ts";
import type { Services } from "../src/daemon/services.ts";

const path = join(import.meta.dirname, "../docs/compatibility.md");
const unsupported = new Set(unsupportedRoutes);
const nowhere = new Proxy({}, { get: () => ({}) }) as Services;
const routes = allRoutes(nowhere);

const row = (method: string, route: string, state: string): string => `| \`${method} ${route}\` | ${state} |`;
const sorted = routes.toSorted((a, b) =>
  a.path === b.path ? a.method.localeCompare(b.method) : a.path < b.path ? -1 : 1,
);

const text = [
  "# Compatibility",
  "",
  `Made from the route table by \`npm run compatibility\`. Engine API ${minApiVersion} to ${maxApiVersion}; the shapes of older`,
  "versions are steps in `src/daemon/api/versions/`. Answers are compared with recordings of dockerd 28.5",
  "(`test/conformance/`), the outcomes of the stock CLI too (`test/cli/`); the differences on purpose are listed there, each",
  "with its reason.",
  "",
  "| operation | state |",
  "|---|---|",
  ...sorted.map((route) =>
    row(route.method, route.path, unsupported.has(route) ? "refused with a clear message (501 or 503)" : "works"),
  ),
  "",
].join("\n");

if (process.argv.includes("--check")) {
  if (readFileSync(path, "utf8") !== text) {
    console.error("docs/compatibility.md is out of date: npm run compatibility");
    process.exit(1);
  }
} else {
  writeFileSync(path, text);
}
