import { functions, isTrue } from "./functions.ts";
import type { Value } from "./functions.ts";
import { TemplateError } from "./node.ts";
import type { Node, Operand, Pipeline } from "./node.ts";
import { parse } from "./parse.ts";
import { goText } from "./print.ts";

export { TemplateError } from "./node.ts";

/** A Go template, read once and filled in with many objects. */
export class Template {
  readonly #nodes: readonly Node[];

  /** @throws TemplateError */
  constructor(source: string) {
    this.#nodes = parse(source);
  }

  /**
   * Fills the template in with an object. A key that the object has not is an error, as a field that a Go struct has
   * not.
   * @throws TemplateError
   */
  run(data: Value): string {
    const scope: Scope = { dot: data, variables: new Map([["$", data]]) };
    return this.#nodes.map((node) => runNode(node, scope)).join("");
  }
}

interface Scope {
  dot: Value;
  variables: Map<string, Value>;
}

const inner = (scope: Scope, dot: Value = scope.dot): Scope => ({ dot, variables: new Map(scope.variables) });

const runAll = (nodes: readonly Node[], scope: Scope): string => nodes.map((node) => runNode(node, scope)).join("");

const runNode = (node: Node, scope: Scope): string => {
  switch (node.kind) {
    case "text":
      return node.text;
    case "action": {
      const value = evaluate(node.pipe, scope);
      return node.pipe.variables.length > 0 ? "" : goText(value);
    }
    case "range":
      return runRange(node, scope);
    default: {
      const own = inner(scope);
      const value = evaluate(node.pipe, own);
      if (!isTrue(value)) return runAll(node.otherwise, inner(scope));
      if (node.kind === "with") own.dot = value;
      return runAll(node.body, own);
    }
  }
};

const entriesOf = (value: Value): [Value, Value][] => {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (typeof value === "object" && value !== null) return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  if (value === null || value === undefined) return [];
  throw new TemplateError(`range can't iterate over ${goText(value)}`);
};

const runRange = (node: Extract<Node, { kind: "range" }>, scope: Scope): string => {
  const { variables } = node.pipe;
  const entries = entriesOf(evaluate({ ...node.pipe, variables: [] }, scope));
  if (entries.length === 0) return runAll(node.otherwise, inner(scope));
  return entries
    .map(([key, value]) => {
      const own = inner(scope, value);
      if (variables.length === 1) own.variables.set(variables[0] ?? "", value);
      if (variables.length === 2) own.variables.set(variables[0] ?? "", key).set(variables[1] ?? "", value);
      return runAll(node.body, own);
    })
    .join("");
};

const nothing = Symbol("nothing");

const evaluate = (pipe: Pipeline, scope: Scope): Value => {
  let value: Value = nothing;
  for (const command of pipe.commands) value = runCommand(command, scope, value);
  for (const name of pipe.variables) scope.variables.set(name, value);
  return value;
};

const runCommand = (command: readonly Operand[], scope: Scope, piped: Value): Value => {
  const [first, ...rest] = command as [Operand, ...Operand[]];
  if (first.kind !== "function") {
    if (rest.length > 0 || piped !== nothing) throw new TemplateError("can't give argument to non-function");
    return valueOf(first, scope);
  }
  const run = Object.hasOwn(functions, first.name) ? functions[first.name] : undefined;
  if (run === undefined) throw new TemplateError(`function ${JSON.stringify(first.name)} not defined`);
  const args = rest.map((operand) => valueOf(operand, scope));
  return run(...args, ...(piped === nothing ? [] : [piped]));
};

const valueOf = (operand: Operand, scope: Scope): Value => {
  if (operand.kind === "value") return operand.value;
  if (operand.kind === "function") return runCommand([operand], scope, nothing);
  const { of } = operand;
  const start =
    of === "dot" ? scope.dot : "variable" in of ? variable(scope, of.variable) : evaluate(of.pipe, inner(scope));
  return operand.names.reduce<Value>(fieldOf, start);
};

const variable = (scope: Scope, name: string): Value => {
  if (!scope.variables.has(name)) throw new TemplateError(`undefined variable ${JSON.stringify(name)}`);
  return scope.variables.get(name);
};

const fieldOf = (value: Value, name: string): Value => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TemplateError(`can't evaluate field ${name} in ${goText(value)}`);
  if (!Object.hasOwn(value, name)) throw new TemplateError(`map has no entry for key ${JSON.stringify(name)}`);
  return (value as Record<string, Value>)[name];
};
