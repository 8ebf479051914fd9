/** What a flag takes: nothing, one value, or a value each time it is given. */
export type FlagKind = "flag" | "value" | "list";

export interface FlagSpec {
  kind: FlagKind;
  short?: string;
  /** One line for `--help`. */
  help: string;
}

export type Flags<S extends Record<string, FlagSpec>> = {
  [K in keyof S]: S[K]["kind"] extends "flag" ? boolean : S[K]["kind"] extends "list" ? string[] : string | undefined;
};

/** A command line that does not fit, with Docker's exit status for it. */
export class UsageError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 125) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Go's spellings of a truth value. */
const truths: Record<string, boolean> = { "1": true, t: true, true: true, "0": false, f: false, false: false };

/**
 * Reads flags as Docker's CLI does: `--name value`, `--name=value`, `-n value`, `-nvalue`, bundles of short flags.
 * @param interspersed false: everything from the first plain word on is left alone (`docker run IMAGE -x`)
 * @throws UsageError
 */
export const parseFlags = <S extends Record<string, FlagSpec>>(
  spec: S,
  argv: readonly string[],
  interspersed = true,
): { flags: Flags<S>; args: string[] } => {
  const values: Record<string, boolean | string | string[] | undefined> = {};
  for (const [name, { kind }] of Object.entries(spec)) {
    values[name] = kind === "flag" ? false : kind === "list" ? [] : undefined;
  }
  const byShort = new Map(Object.entries(spec).flatMap(([name, { short }]) => (short ? [[short, name]] : [])));
  const args: string[] = [];
  const set = (name: string, value: string): void => {
    const kind = spec[name]?.kind;
    if (kind === "list") (values[name] as string[]).push(value);
    else values[name] = kind === "flag" ? truth(name, value) : value;
  };

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const next = (shown: string): string => {
      const value = argv[++i];
      if (value === undefined) throw new UsageError(`flag needs an argument: ${shown}`);
      return value;
    };
    if (word === "--") {
      args.push(...argv.slice(i + 1));
      break;
    }
    if (word.startsWith("--")) {
      const at = word.indexOf("=");
      const name = at < 0 ? word.slice(2) : word.slice(2, at);
      const kind = spec[name]?.kind;
      if (kind === undefined) throw new UsageError(`unknown flag: --${name}`);
      set(name, at >= 0 ? word.slice(at + 1) : kind === "flag" ? "true" : next(`--${name}`));
    } else if (word.startsWith("-") && word !== "-") {
      readShorts(word, byShort, spec, set, next);
    } else {
      args.push(word);
      if (interspersed) continue;
      args.push(...argv.slice(i + 1));
      break;
    }
  }
  return { flags: values as Flags<S>, args };
};

const readShorts = (
  word: string,
  byShort: Map<string, string>,
  spec: Record<string, FlagSpec>,
  set: (name: string, value: string) => void,
  next: (shown: string) => string,
): void => {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i] ?? "";
    const name = byShort.get(letter);
    if (name === undefined) throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`);
    if (spec[name]?.kind === "flag") {
      if (word[i + 1] === "=") {
        set(name, word.slice(i + 2));
        return;
      }
      set(name, "true");
      continue;
    }
    const attached = word.slice(i + 1).replace(/^=/, "");
    set(name, attached === "" ? next(`'${letter}' in ${word}`) : attached);
    return;
  }
};

const truth = (name: string, text: string): boolean => {
  const value = truths[text.toLowerCase()];
  if (value === undefined) throw new UsageError(`invalid argument "${text}" for "--${name}" flag`);
  return value;
};
