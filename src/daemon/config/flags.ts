import { EngineError, messageOf, systemError } from "../../base/errors.ts";
import { type Option, options, unsupported } from "./option.ts";
import { addFlag } from "./value.ts";

/** What a command line says: the values of the flags given, by flag, and what is asked for instead of a daemon. */
export interface CommandLine {
  values: ReadonlyMap<string, unknown>;
  help: boolean;
  version: boolean;
  /** Check the configuration and end. */
  validate: boolean;
}

const byFlag = new Map(options.map((option) => [option.flag, option]));
const byShort = new Map(options.flatMap((option) => (option.short === undefined ? [] : [[option.short, option]])));

/**
 * Reads a command line as dockerd does: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, and a boolean alone.
 * @throws system in dockerd's words.
 */
export const parseFlags = (argv: readonly string[]): CommandLine => {
  const values = new Map<string, unknown>();
  const asked = new Set<string>();
  const left = [...argv];
  for (let argument = left.shift(); argument !== undefined; argument = left.shift()) {
    const special = specials[argument];
    if (special !== undefined) {
      asked.add(special);
      continue;
    }
    const { option, value, shown } = readArgument(argument, left);
    try {
      values.set(option.flag, addFlag(option, values.get(option.flag), value));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw systemError(
        `invalid argument ${JSON.stringify(value)} for ${JSON.stringify(shown)} flag: ${messageOf(error)}`,
      );
    }
  }
  return { values, help: asked.has("help"), version: asked.has("version"), validate: asked.has("validate") };
};

const specials: Record<string, string> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-v": "version",
  "--validate": "validate",
};

const readArgument = (argument: string, left: string[]): { option: Option; value: string; shown: string } => {
  if (!argument.startsWith("-") || argument === "-") throw systemError('"berthd" accepts no arguments');
  return argument.startsWith("--") ? readLong(argument, left) : readShort(argument, left);
};

const readLong = (argument: string, left: string[]): { option: Option; value: string; shown: string } => {
  const at = argument.indexOf("=");
  const shown = at < 0 ? argument : argument.slice(0, at);
  const name = shown.slice(2);
  const option = byFlag.get(name);
  if (option === undefined) {
    if (unsupported.includes(name)) throw systemError(`the option ${shown} is not supported by this engine yet`);
    throw systemError(`unknown flag: ${shown}`);
  }
  const label = option.short === undefined ? shown : `-${option.short}, ${shown}`;
  if (at >= 0) return { option, value: argument.slice(at + 1), shown: label };
  if (option.kind === "boolean") return { option, value: "true", shown: label };
  const value = left.shift();
  if (value === undefined) throw systemError(`flag needs an argument: ${shown}`);
  return { option, value, shown: label };
};

const readShort = (argument: string, left: string[]): { option: Option; value: string; shown: string } => {
  const letter = argument[1] ?? "";
  const rest = argument.slice(2);
  const option = byShort.get(letter);
  if (option === undefined) throw systemError(`unknown shorthand flag: '${letter}' in ${argument}`);
  const shown = `-${letter}, --${option.flag}`;
  if (option.kind === "boolean") {
    if (rest !== "" && !rest.startsWith("=")) left.unshift(`-${rest}`);
    return { option, value: rest.startsWith("=") ? rest.slice(1) : "true", shown };
  }
  if (rest !== "") return { option, value: rest.replace(/^=/, ""), shown };
  const value = left.shift();
  if (value === undefined) throw systemError(`flag needs an argument: '${letter}' in ${argument}`);
  return { option, value, shown };
};
