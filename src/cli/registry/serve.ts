import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Command } from "../cli.ts";
import { ExitError } from "../cli.ts";

const program = join(import.meta.dirname, "../../../bin/berth-registry");

/** Signals that the registry is to end on, too. */
const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Runs the registry server with this terminal. It is a program of its own, which the client does not contain: this
 * process becomes it where that can be, else it waits for it.
 */
export const serve: Command = async ({ env }, argv) => {
  const become = Reflect.get(process, "execve") as typeof process.execve | undefined;
  const plainEnv = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ""]));
  become?.call(process, program, [program, "serve", ...argv], plainEnv);
  const child = spawn(program, ["serve", ...argv], { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
  if (status !== 0) throw new ExitError(status, "");
  return 0;
};

/** Removes what no manifest needs, in the running registry or in its folder. */
export const gc: Command = async ({ env }, argv) => {
  const child = spawn(program, ["gc", ...argv], { stdio: "inherit", env: { ...env } });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
};
