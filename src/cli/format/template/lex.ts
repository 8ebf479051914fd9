import { TemplateError } from "./node.ts";

/** A piece of a template: text between actions, or an action's words. */
export type Piece = { text: string } | { tokens: string[] };

const token = new RegExp(
  [
    /("(?:[^"\\\n]|\\.)*"|`[^`]*`)/u, // text
    /(:=|[()|,=])/u,
    /([-+]?\d[\w.]*)/u, // a number
    /(\$\w*(?:\.[\p{L}_][\p{L}\p{N}_]*)*)/u, // a variable, with fields
    /(\.(?:[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*)?)/u, // the dot, with fields
    /([\p{L}_][\p{L}\p{N}_]*)/u, // a function
  ]
    .map(({ source }) => source)
    .join("|"),
  "uy",
);

/** Splits a template at its `{{` and `}}`. @throws TemplateError */
export const lex = (source: string): Piece[] => {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  const addText = (text: string): void => {
    const shown = trimNext ? text.trimStart() : text;
    trimNext = false;
    if (shown !== "") pieces.push({ text: shown });
  };
  for (;;) {
    const open = source.indexOf("{{", at);
    if (open < 0) break;
    let begin = open + 2;
    let text = source.slice(at, open);
    if (/^-\s/.test(source.slice(begin))) {
      text = text.trimEnd();
      begin += 1;
    }
    addText(text);
    const comment = /^\s*\/\*[\s\S]*?\*\/\s*(-?)\}\}/.exec(source.slice(begin));
    if (comment !== null) {
      at = begin + comment[0].length;
      trimNext = comment[1] === "-";
      continue;
    }
    const { tokens, end } = lexAction(source, begin);
    trimNext = /\s-$/.test(source.slice(begin, end));
    pieces.push({ tokens: trimNext ? tokens.slice(0, -1) : tokens });
    at = end + 2;
  }
  addText(source.slice(at));
  return pieces;
};

const lexAction = (source: string, begin: number): { tokens: string[]; end: number } => {
  const tokens: string[] = [];
  let at = begin;
  for (;;) {
    while (/\s/.test(source[at] ?? "")) at++;
    if (source.startsWith("}}", at)) return { tokens, end: at };
    if (at >= source.length) throw new TemplateError("unclosed action");
    if (source.startsWith("-}}", at)) {
      tokens.push("-");
      return { tokens, end: at + 1 };
    }
    token.lastIndex = at;
    const found = token.exec(source);
    const word = found?.[0] ?? "";
    if (word === "") throw new TemplateError(`unexpected ${JSON.stringify(source[at])} in operand`);
    tokens.push(word);
    at = token.lastIndex;
  }
};
