import { invalidParameter } from "../../../base/errors.ts";

const quoteError = (): Error => invalidParameter("unexpected end of statement while looking for matching quote");

/** Takes the value of a variable, or undefined. */
export type Lookup = (name: string) => string | undefined;

/** Reads a `$name` or `${name…}` at `at`; returns what it stands for and where it ends. */
const readVariable = (text: string, at: number, lookup: Lookup): [value: string, end: number] => {
  const plain = /\$([A-Za-z_][A-Za-z0-9_]*|[0-9@*#])/y;
  plain.lastIndex = at;
  const name = plain.exec(text);
  if (name !== null) return [lookup(name[1] ?? "") ?? "", plain.lastIndex];
  if (text[at + 1] !== "{") return ["$", at + 1];
  const braced = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?([-+?])((?:[^}\\]|\\.)*))?\}/y;
  braced.lastIndex = at;
  const found = braced.exec(text);
  if (found === null) throw invalidParameter(`failed to process ${JSON.stringify(text)}: missing ':' in substitution`);
  const [, variable = "", operator, word = ""] = found;
  const value = lookup(variable);
  const other = (): string => expandWord(word, lookup);
  if (operator === "+") return [value === undefined || value === "" ? "" : other(), braced.lastIndex];
  if (value !== undefined && value !== "") return [value, braced.lastIndex];
  if (operator === "?") throw invalidParameter(`${variable}: ${other()}`);
  return [operator === "-" ? other() : "", braced.lastIndex];
};

/**
 * One word of a Dockerfile instruction, unquoted, its variables replaced.
 *
 * **Source:** Dockerfile reference, "Environment replacement".
 */
export const expandWord = (word: string, lookup: Lookup): string => {
  let result = "";
  let quote = "";
  for (let at = 0; at < word.length;) {
    const character = word[at] ?? "";
    if (quote === "'") {
      if (character === "'") quote = "";
      else result += character;
      at++;
    } else if (character === '"' || (character === "'" && quote === "")) {
      quote = quote === character ? "" : character;
      at++;
    } else if (character === "\\") {
      const next = word[at + 1] ?? "";
      if (quote === '"' && !'"$\\'.includes(next)) result += "\\";
      result += next;
      at += 2;
    } else if (character === "$") {
      const [value, end] = readVariable(word, at, lookup);
      result += value;
      at = end;
    } else {
      result += character;
      at++;
    }
  }
  if (quote !== "") throw quoteError();
  return result;
};

/** Splits at blanks outside of quotes; quotes and escapes stay. */
export const splitWords = (text: string): string[] => {
  const words: string[] = [];
  let current: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (quote === "" && /\s/.test(character)) {
      if (current !== undefined) words.push(current);
      current = undefined;
      continue;
    }
    current = (current ?? "") + character;
    if (character === "\\" && quote !== "'") current += text[++at] ?? "";
    else if (quote === character) quote = "";
    else if (quote === "" && (character === '"' || character === "'")) quote = character;
  }
  if (current !== undefined) words.push(current);
  return words;
};
