import { systemError } from "../../base/errors.ts";
import type { Reference } from "../../oci/reference.ts";

const special = /[\\^$.*+?()[\]{}|/]/g;

/**
 * A shell pattern as a regular expression: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes, `\` escapes.
 *
 * @throws EngineError system `syntax error in pattern`
 *
 * **Source:** Go, path.Match.
 */
export const patternOf = (pattern: string): RegExp => {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "[") {
      const set = /^\[(\^?)((?:\\.|[^\]\\])+)\]/su.exec(pattern.slice(at));
      if (set === null) throw systemError("syntax error in pattern");
      source += `[${set[1]}${(set[2] ?? "").replace(/\\(.)/gsu, "$1").replace(/[\\\]^[]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else if (character === "\\") {
      at++;
      if (at === pattern.length) throw systemError("syntax error in pattern");
      source += (pattern[at] ?? "").replace(special, "\\$&");
    } else source += character.replace(special, "\\$&");
  }
  try {
    return new RegExp(`^${source}$`, "su");
  } catch (error) {
    throw systemError("syntax error in pattern", error);
  }
};

/** Whether a pattern names a reference, with or without its tag. */
export const matchesReference = (pattern: RegExp, reference: Reference): boolean =>
  pattern.test(reference.familiar()) || pattern.test(reference.familiarName);
