import { messageOf } from "../../base/errors.ts";
import { findBinary } from "../../linux/process/find-binary.ts";
import { run } from "../../linux/process/run.ts";
import type { Component } from "./context.ts";

const timeoutMs = 5000;

/** The runtimes and the init whose versions `/version` tells, with how each is asked. */
const programs = [
  { name: "crun", binary: "crun" },
  { name: "runc", binary: "runc" },
  { name: "docker-init", binary: "tini" },
] as const;

/** Asks the programs that are installed for their versions. */
export const readComponents = async (): Promise<Component[]> => {
  const found = await Promise.all(programs.map(({ name, binary }) => readComponent(name, binary)));
  return found.filter((component) => component !== undefined);
};

const readComponent = async (name: string, binary: string): Promise<Component | undefined> => {
  const path = findBinary(binary) ?? (binary === "tini" ? findBinary("tini-static") : null);
  if (path === null) return undefined;
  try {
    const { stdout } = await run([path, "--version"], { timeoutMs });
    return { name, ...parseVersion(stdout.toString()) };
  } catch (error) {
    return { name, version: `unknown (${messageOf(error)})`, commit: "" };
  }
};

/** Reads `crun version 1.8.1`, `commit: f8a0…` and `tini version 0.19.0 - git.de40ad0`. */
export const parseVersion = (text: string): { version: string; commit: string } => ({
  version: /version ([^\s]+)/.exec(text)?.[1] ?? "",
  commit: /commit: ?([^\s]+)/.exec(text)?.[1] ?? /git\.([0-9a-f]+)/.exec(text)?.[1] ?? "",
});
