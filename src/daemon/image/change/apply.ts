import { invalidParameter } from "../../../base/errors.ts";
import type { ImageConfig } from "../../../wire/engine/image.ts";
import { instructions } from "./instruction.ts";

const maxChangesLength = 1024 * 1024;

/** Joins lines that end in a backslash, drops comments and empty lines. */
const linesOf = (changes: readonly string[]): string[] =>
  changes
    .join("\n")
    .replace(/\\[ \t]*\r?\n/g, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

const needsText = new Set(["env", "expose", "healthcheck", "label", "onbuild", "volume"]);

/**
 * Applies Dockerfile instructions to a config, as `docker commit --change` and `docker import --change` do.
 *
 * @throws EngineError invalid-parameter for an instruction that may not be used there, or that cannot be read.
 */
export const applyChanges = <T extends ImageConfig>(config: T, changes: readonly string[]): T => {
  if (changes.reduce((total, change) => total + change.length, 0) > maxChangesLength)
    throw invalidParameter("changes are too long");
  let result: ImageConfig = config;
  let hasCommand = false;
  for (const line of linesOf(changes)) {
    const [name = "", text = ""] = /^(\S+)\s*(.*)$/s.exec(line)?.slice(1) ?? [];
    const instruction = Object.hasOwn(instructions, name.toLowerCase()) ? instructions[name.toLowerCase()] : undefined;
    if (instruction === undefined) throw invalidParameter(`${name} is not a valid change command`);
    if (text === "" && needsText.has(name.toLowerCase()))
      throw invalidParameter(`${name.toUpperCase()} requires at least one argument`);
    const env = result.Env ?? [];
    const lookup = (variable: string): string | undefined => {
      const entry = env.findLast((one) => one.startsWith(`${variable}=`));
      return entry?.slice(variable.length + 1);
    };
    result = instruction(result, text, lookup);
    // An entrypoint is not run with the command that the base had for another one.
    if (name.toLowerCase() === "cmd") hasCommand = true;
    if (name.toLowerCase() === "entrypoint" && !hasCommand) result = { ...result, Cmd: null };
  }
  return result as T;
};
