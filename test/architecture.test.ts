import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

// Which folder may import which: the one table that holds the direction of dependencies. `a: ["b"]` means that files
// below src/a may import files below src/b (and below src/a). The longest matching prefix of a file is its room.
const foundation = ["base", "wire", "linux", "oci"];
const driverBase = [...foundation, "daemon/event", "daemon/config", "daemon/plugin", "daemon/state"];
const allowed: Record<string, string[]> = {
  base: [],
  wire: [],
  linux: ["base"],
  oci: ["base", "wire", "linux"],
  registry: foundation,
  client: ["base", "wire"],
  compose: ["base", "wire", "oci", "client"],
  cli: ["base", "wire", "oci", "client", "compose"],
  "daemon/event": foundation,
  "daemon/config": foundation,
  "daemon/plugin": foundation,
  "daemon/state": [...foundation, "daemon/event"],
  "daemon/content": [...foundation, "daemon/event", "daemon/state", "daemon/storage"],
  "daemon/storage": driverBase,
  "daemon/runtime": driverBase,
  "daemon/log": driverBase,
  "daemon/network": driverBase,
  "daemon/volume": driverBase,
  "daemon/image": [...driverBase, "daemon/content", "daemon/storage"],
  "daemon/container": [
    ...driverBase,
    "daemon/content",
    "daemon/storage",
    "daemon/image",
    "daemon/runtime",
    "daemon/log",
    "daemon/network",
    "daemon/volume",
  ],
  "daemon/system": ["base", "wire", "linux", "oci", "daemon"],
  "daemon/api": ["base", "wire", "linux", "oci", "daemon"],
  daemon: ["base", "wire", "linux", "oci", "registry", "daemon"],
  main: ["base", "wire", "linux", "oci", "registry", "client", "compose", "cli", "daemon"],
};

const root = join(import.meta.dirname, "..");
const source = join(root, "src");

const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

const room = (file: string): string => {
  const rooms = Object.keys(allowed).filter((name) => file.startsWith(`${name}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? "";
};

const importsOf = (file: string): string[] =>
  [...readFileSync(join(source, file), "utf8").matchAll(/(?:from|import\()\s*["'](\.[^"']+)["']/g)].map((match) =>
    relative(source, normalize(join(source, dirname(file), match[1] ?? ""))),
  );

test("every source file has a room in the table", () => {
  assert.deepEqual(
    files.filter((file) => room(file) === ""),
    [],
  );
});

test("imports point one way", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const from = room(file);
        const to = room(target);
        return to !== from && !(allowed[from] ?? []).some((name) => to === name || to.startsWith(`${name}/`));
      })
      .map((target) => `${file} → ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test("only the composition root imports the API", () => {
  const wrong = files.filter(
    (file) =>
      !file.startsWith("daemon/api/") &&
      file !== "daemon/engine.ts" &&
      importsOf(file).some((target) => target.startsWith("daemon/api/")),
  );
  assert.deepEqual(wrong, []);
});

test("only src/linux talks to the kernel through FFI", () => {
  const wrong = files.filter(
    (file) => !file.startsWith("linux/") && /from ["']koffi["']/.test(readFileSync(join(source, file), "utf8")),
  );
  assert.deepEqual(wrong, []);
});

test("what the API asks of services is declared once: by them, or in services.ts", () => {
  const declared = (file: string): string[] =>
    [...readFileSync(join(source, file), "utf8").matchAll(/^export (?:interface|type) (\w+)\b/gm)].map(
      (match) => match[1] ?? "",
    );
  const asked = new Set(declared("daemon/services.ts"));
  assert.ok(asked.has("Services"));
  const twice = files
    .filter((file) => file.startsWith("daemon/") && file !== "daemon/services.ts")
    .flatMap((file) =>
      declared(file)
        .filter((name) => asked.has(name))
        .map((name) => `${name}: ${file}`),
    );
  assert.deepEqual(twice, []);
});
