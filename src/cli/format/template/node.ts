/** What a template is made of. **Source:** Go, text/template. */
export type Node =
  | { kind: "text"; text: string }
  | { kind: "action"; pipe: Pipeline }
  | { kind: "if" | "with"; pipe: Pipeline; body: Node[]; otherwise: Node[] }
  | { kind: "range"; pipe: Pipeline; body: Node[]; otherwise: Node[] };

/** Commands whose results are handed on, and the variables that get the last one. */
export interface Pipeline {
  variables: string[];
  commands: Operand[][];
}

export type Operand =
  | { kind: "value"; value: unknown }
  /** `.A.B` of the dot, `$x.A` of a variable, `(pipe).A`; without names the thing itself. */
  | { kind: "field"; of: "dot" | { variable: string } | { pipe: Pipeline }; names: string[] }
  | { kind: "function"; name: string };

/** A template that cannot be read, or that does not fit what it is given; in Go's words. */
export class TemplateError extends Error {}
