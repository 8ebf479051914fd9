import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { RegistryConfig } from "./config.ts";
import { flags } from "./flags.ts";
import { interpret } from "./interpret.ts";

const maxFileBytes = 1024 * 1024;
const environmentPrefix = "REGISTRY_";

export interface CommandLine {
  command: "serve" | "gc" | "help" | "version";
  config: RegistryConfig;
}

type Document = Record<string, unknown>;

const isDocument = (value: unknown): value is Document =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const set = (document: Document, path: readonly string[], value: unknown): void => {
  const [name = "", ...rest] = path;
  if (["__proto__", "constructor", "prototype"].includes(name)) return;
  if (rest.length === 0) {
    document[name] = value;
    return;
  }
  const child = document[name];
  const inner = isDocument(child) ? child : {};
  document[name] = inner;
  set(inner, rest, value);
};

const get = (document: Document, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isDocument(value) ? value[name] : undefined), document);

const readFile = (path: string): Document => {
  const text = readFileSync(path, "utf8");
  if (text.length > maxFileBytes) throw new Error(`${path} is larger than ${maxFileBytes} bytes`);
  const document: unknown = parse(text) ?? {};
  if (!isDocument(document)) throw new Error(`${path} is not a configuration`);
  return document;
};

/** A value as it stands in the document: switches and numbers are read from text. */
const fromFlag = (path: readonly string[], text: string): unknown => {
  if (path.join(".") !== "proxy.upstreams") return text;
  const match = /^(?:([^=/]+)=)?(https?:\/\/.+)$/.exec(text);
  if (match === null) throw new Error(`--proxy wants [NAME=]URL, not ${JSON.stringify(text)}`);
  return match[1] === undefined ? { remoteurl: match[2] } : { namespace: match[1], remoteurl: match[2] };
};

/** Settings like `REGISTRY_HTTP_ADDR`, as docker-registry takes them: they win over the file. */
const applyEnvironment = (document: Document, env: Readonly<Record<string, string | undefined>>): void => {
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(environmentPrefix) || value === undefined) continue;
    const path = name.slice(environmentPrefix.length).toLowerCase().split("_").filter(Boolean);
    if (path.length > 1) set(document, path, value);
  }
};

/**
 * Reads the command line, the file that it names and the environment.
 *
 * @throws Error that says what does not fit.
 */
export const load = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>): CommandLine => {
  const values: [path: readonly string[], value: unknown, list: boolean][] = [];
  const words: string[] = [];
  let shown: "help" | "version" | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "-h" || word === "--help") shown ??= "help";
    else if (word === "--version") shown ??= "version";
    else if (word.startsWith("--")) {
      const at = word.indexOf("=");
      const name = at < 0 ? word.slice(2) : word.slice(2, at);
      const spec = flags.find((flag) => flag.name === name);
      const next = (): string => {
        const value = at < 0 ? argv[++i] : word.slice(at + 1);
        if (value === undefined) throw new Error(`flag needs an argument: --${name}`);
        return value;
      };
      if (name === "config") words.push(next());
      else if (spec === undefined) throw new Error(`unknown flag: --${name}`);
      else {
        const text = spec.value === undefined ? (spec.sets ?? "true") : next();
        values.push([spec.path, fromFlag(spec.path, text), spec.list ?? false]);
        if (name === "metrics") values.push([["http", "debug", "prometheus", "enabled"], "true", false]);
      }
    } else words.push(word);
  }
  const named = words[0] === "serve" || words[0] === "gc" ? words.shift() : undefined;
  const command = shown ?? (named === "gc" ? "gc" : "serve");
  const [file, ...more] = words;
  if (more.length > 0) throw new Error(`unexpected argument: ${more.join(" ")}`);
  const document = file === undefined ? {} : readFile(file);
  applyEnvironment(document, env);
  for (const [path, value, list] of values) {
    const before = get(document, path);
    set(document, path, list ? [...(Array.isArray(before) ? before : []), value] : value);
  }
  return { command, config: interpret(document, file === undefined) };
};
