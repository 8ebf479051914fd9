import { invalidParameter } from "../../../base/errors.ts";
import { parseDurationMs } from "../../../base/timestamp.ts";
import type { HealthConfig, ImageConfig } from "../../../wire/engine/image.ts";
import { signalNumber } from "../../../linux/signal.ts";
import { expandWord, splitWords } from "./words.ts";
import type { Lookup } from "./words.ts";

/** Turns an instruction's text into the change of a config. Throws EngineError invalid-parameter. */
type Instruction = (config: ImageConfig, text: string, lookup: Lookup) => ImageConfig;

const expanded = (text: string, lookup: Lookup): string[] => splitWords(text).map((word) => expandWord(word, lookup));

/** A set as Go writes it: each member with an empty object. */
const setOf = (members: readonly string[]): Record<string, never> =>
  Object.fromEntries(members.map((member) => [member, {}])) as Record<string, never>;

/** A JSON list of texts, when the text is one. */
const execForm = (text: string): string[] | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
};

const commandOf = (config: ImageConfig, text: string): string[] =>
  execForm(text) ?? [...(config.Shell ?? ["/bin/sh", "-c"]), ...(text === "" ? [] : [text])];

const exactlyOne = (name: string, text: string, lookup: Lookup): string => {
  const words = expanded(text, lookup);
  if (words.length !== 1) throw invalidParameter(`${name} requires exactly one argument`);
  return words[0] ?? "";
};

/** `a=b "c=d e"` or the old `a b c`. */
const pairs = (name: string, text: string, lookup: Lookup): [string, string][] => {
  const words = splitWords(text);
  if (words[0] !== undefined && !words[0].includes("=")) {
    const [key = "", value] = /^(\S+)\s+(.+)$/s.exec(text)?.slice(1) ?? [];
    if (value === undefined) throw invalidParameter(`${name} must have two arguments`);
    return [[expandWord(key, lookup), expandWord(value, lookup)]];
  }
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1) throw invalidParameter(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
    return [expandWord(word.slice(0, at), lookup), expandWord(word.slice(at + 1), lookup)];
  });
};

const setEnv = (env: readonly string[], key: string, value: string): string[] => {
  const at = env.findIndex((entry) => entry.split("=", 1)[0] === key);
  return at === -1 ? [...env, `${key}=${value}`] : env.with(at, `${key}=${value}`);
};

const portsOf = (word: string): string[] => {
  const proto = /\/([^/]*)$/.exec(word)?.[1];
  if (proto !== undefined && !/^(?:tcp|udp|sctp)$/i.test(proto)) throw invalidParameter(`Invalid proto: ${proto}`);
  const found = /^(?:[^/]*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const [first, last] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (found === null || last > 65_535 || first > last) throw invalidParameter(`Invalid containerPort: ${word}`);
  const protocol = found[3]?.toLowerCase() ?? "tcp";
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
};

const healthDurations = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;

const healthcheck: Instruction = (config, text, lookup) => {
  const options: HealthConfig = {};
  let rest = text.trim();
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag !== null; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    const [whole, name = "", value = ""] = flag;
    if (name === "retries") options.Retries = Number(value);
    else if (name in healthDurations) {
      const ms = parseDurationMs(expandWord(value, lookup));
      if (ms === undefined) throw invalidParameter(`time: invalid duration ${JSON.stringify(value)}`);
      options[healthDurations[name as keyof typeof healthDurations]] = ms * 1_000_000;
    } else throw invalidParameter(`unknown flag: --${name}`);
    rest = rest.slice(whole.length);
  }
  const [type = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest)?.slice(1) ?? [];
  if (type.toUpperCase() === "NONE") {
    if (command !== "") throw invalidParameter("HEALTHCHECK NONE takes no arguments");
    return { ...config, Healthcheck: { Test: ["NONE"] } };
  }
  if (type.toUpperCase() !== "CMD")
    throw invalidParameter(`Unknown type "${type.toUpperCase()}" in HEALTHCHECK (try CMD)`);
  if (command === "") throw invalidParameter("Missing command after HEALTHCHECK CMD");
  const list = execForm(command);
  return {
    ...config,
    Healthcheck: { Test: list === undefined ? ["CMD-SHELL", command] : ["CMD", ...list], ...options },
  };
};

/** The instructions that may change a config. **Source:** Engine API, `changes` of ImageCreate and ImageCommit. */
export const instructions: Readonly<Record<string, Instruction>> = {
  cmd: (config, text) => ({ ...config, Cmd: commandOf(config, text) }),
  entrypoint: (config, text) => ({ ...config, Entrypoint: commandOf(config, text) }),
  env: (config, text, lookup) => {
    let env = config.Env ?? [];
    for (const [key, value] of pairs("ENV", text, lookup)) env = setEnv(env, key, value);
    return { ...config, Env: env };
  },
  expose: (config, text, lookup) => {
    const ports = expanded(text, lookup).flatMap(portsOf);
    return { ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(ports) } };
  },
  healthcheck,
  label: (config, text, lookup) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(pairs("LABEL", text, lookup)) },
  }),
  onbuild: (config, text) => {
    const trigger = text.split(/\s/, 1)[0]?.toUpperCase() ?? "";
    if (trigger === "ONBUILD") throw invalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === "FROM" || trigger === "MAINTAINER")
      throw invalidParameter(`${trigger} isn't allowed as an ONBUILD trigger`);
    return { ...config, OnBuild: [...(config.OnBuild ?? []), text] };
  },
  stopsignal: (config, text, lookup) => {
    const signal = exactlyOne("STOPSIGNAL", text, lookup);
    if (signalNumber(signal) === undefined) throw invalidParameter(`invalid signal: ${signal}`);
    return { ...config, StopSignal: signal };
  },
  user: (config, text, lookup) => ({ ...config, User: exactlyOne("USER", text, lookup) }),
  volume: (config, text, lookup) => {
    const paths = (execForm(text) ?? splitWords(text)).map((path) => expandWord(path, lookup).trim());
    if (paths.length === 0 || paths.includes("")) throw invalidParameter("VOLUME specified can not be an empty string");
    return { ...config, Volumes: { ...config.Volumes, ...setOf(paths) } };
  },
  workdir: (config, text, lookup) => {
    const path = exactlyOne("WORKDIR", text, lookup);
    const joined = path.startsWith("/") ? path : `${config.WorkingDir || "/"}/${path}`;
    return { ...config, WorkingDir: cleanPath(joined) };
  },
};

/** An absolute path without `.`, `..` and doubled slashes. */
const cleanPath = (path: string): string => {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
};
