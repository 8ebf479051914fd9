import { lex } from "./lex.ts";
import type { Piece } from "./lex.ts";
import { TemplateError } from "./node.ts";
import type { Node, Operand, Pipeline } from "./node.ts";

const maxDepth = 100;

/** Reads a template. @throws TemplateError in Go's words */
export const parse = (source: string): Node[] => {
  const parser = new Parser(lex(source));
  const { nodes, end } = parser.list(0);
  if (end !== undefined) throw new TemplateError(`unexpected {{${end[0]}}}`);
  return nodes;
};

class Parser {
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to the `end` or `else` that closes them, whose words are `end`. */
  list(depth: number): { nodes: Node[]; end: string[] | undefined } {
    if (depth > maxDepth) throw new TemplateError("template is nested too deep");
    const nodes: Node[] = [];
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++] as Piece;
      if ("text" in piece) {
        nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      const [word = "", ...rest] = piece.tokens;
      if (word === "end" || word === "else") return { nodes, end: piece.tokens };
      if (word === "if" || word === "with" || word === "range") nodes.push(this.#block(word, rest, depth));
      else if (word === "") throw new TemplateError("missing value for command");
      else nodes.push({ kind: "action", pipe: pipelineOf(piece.tokens) });
    }
    return { nodes, end: undefined };
  }

  #block(kind: "if" | "with" | "range", words: string[], depth: number): Node {
    if (words.length === 0) throw new TemplateError(`missing value for ${kind}`);
    const pipe = pipelineOf(words);
    const { nodes, end } = this.list(depth + 1);
    if (end === undefined) throw new TemplateError("unexpected EOF");
    if (end[0] === "end") return { kind, pipe, body: nodes, otherwise: [] };
    if (end[1] === "if" || end[1] === "with") {
      const nested = this.#block(end[1], end.slice(2), depth + 1);
      return { kind, pipe, body: nodes, otherwise: [nested] };
    }
    const other = this.list(depth + 1);
    if (other.end?.[0] !== "end") throw new TemplateError("unexpected EOF");
    return { kind, pipe, body: nodes, otherwise: other.nodes };
  }
}

const pipelineOf = (tokens: readonly string[]): Pipeline => {
  const assign = tokens.findIndex((word) => word === ":=" || word === "=");
  const variables = assign < 0 ? [] : tokens.slice(0, assign).filter((word) => word !== ",");
  if (variables.some((name) => !/^\$\w+$/.test(name))) throw new TemplateError("unexpected := in operand");
  const commands: Operand[][] = [[]];
  const words = tokens.slice(assign + 1);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "|") commands.push([]);
    else if (word === "(") {
      const close = closingOf(words, i);
      const after = words[close + 1] ?? "";
      const names = /^\.\p{L}/u.test(after) ? after.slice(1).split(".") : [];
      commands.at(-1)?.push({ kind: "field", of: { pipe: pipelineOf(words.slice(i + 1, close)) }, names });
      i = names.length > 0 ? close + 1 : close;
    } else commands.at(-1)?.push(operandOf(word));
  }
  if (commands.some((command) => command.length === 0)) throw new TemplateError("missing value for command");
  return { variables, commands };
};

const closingOf = (words: readonly string[], open: number): number => {
  let depth = 0;
  for (let i = open; i < words.length; i++) {
    if (words[i] === "(") depth++;
    if (words[i] === ")" && --depth === 0) return i;
  }
  throw new TemplateError("unclosed left paren");
};

const literals: Record<string, unknown> = { true: true, false: false, nil: null };

const operandOf = (word: string): Operand => {
  if (/^["`']/.test(word)) return { kind: "value", value: textOf(word) };
  if (/^[-+]?[\d]/.test(word)) {
    if (Number.isNaN(Number(word))) throw new TemplateError(`bad number syntax: ${JSON.stringify(word)}`);
    return { kind: "value", value: Number(word) };
  }
  if (word === ".") return { kind: "field", of: "dot", names: [] };
  if (word.startsWith(".")) return { kind: "field", of: "dot", names: word.slice(1).split(".") };
  if (word.startsWith("$")) {
    const [variable = "$", ...names] = word.split(".");
    return { kind: "field", of: { variable }, names };
  }
  if (Object.hasOwn(literals, word)) return { kind: "value", value: literals[word] };
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(word)) throw new TemplateError(`unexpected ${JSON.stringify(word)} in operand`);
  return { kind: "function", name: word };
};

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\u0007", b: "\b", f: "\f", v: "\v" };

const textOf = (word: string): string => {
  const inner = word.slice(1, -1);
  if (word.startsWith("`")) return inner;
  return inner.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, code: string) =>
    code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (escapes[code] ?? code),
  );
};
