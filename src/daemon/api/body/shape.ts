/**
 * What a JSON body may hold. The keys of a `struct` are matched without regard to case and unknown ones are dropped,
 * as Go's decoder does; the keys of a `map` are the user's own and stay as they are. `T` is what it decodes to.
 */
export type Shape<T = unknown> = Form & { readonly decodes?: T };

type Form =
  | { kind: "string"; type: string }
  | { kind: "boolean"; type: string }
  | { kind: "integer"; type: string }
  | { kind: "number"; type: string }
  | { kind: "any"; type: string }
  | { kind: "strings-or-string"; type: string }
  | { kind: "list"; of: Shape; type: string }
  | { kind: "map"; of: Shape; type: string }
  | { kind: "struct"; fields: ReadonlyMap<string, { name: string; shape: Shape }>; type: string };

/** What a shape decodes to. Every field of a struct may be absent; one that is null is absent. */
export type Shaped<S> = S extends { readonly decodes?: infer T } ? T : never;

// `type` is what Go calls the type, for messages.
export const string: Shape<string> = { kind: "string", type: "string" };
export const stringNamed = (type: string): Shape<string> => ({ kind: "string", type });
export const boolean: Shape<boolean> = { kind: "boolean", type: "bool" };
export const int64: Shape<number> = { kind: "integer", type: "int64" };
export const int: Shape<number> = { kind: "integer", type: "int" };
export const uint: Shape<number> = { kind: "integer", type: "uint" };
export const uint16: Shape<number> = { kind: "integer", type: "uint16" };
export const duration: Shape<number> = { kind: "integer", type: "time.Duration" };
export const number: Shape<number> = { kind: "number", type: "float64" };
/** Taken as it comes, for objects whose content is another noun's business. */
export const any: Shape<any> = { kind: "any", type: "interface {}" };
/** A list of strings that may be given as one string: `Cmd`, `Entrypoint`. */
export const stringsOrString: Shape<string[]> = { kind: "strings-or-string", type: "string" };
/** An object without fields, such as the values of `ExposedPorts`. */
export const empty: Shape<Record<string, never>> = { kind: "struct", fields: new Map(), type: "struct {}" };

export const list = <T>(of: Shape<T>, type = `[]${of.type}`): Shape<T[]> => ({ kind: "list", of, type });

export const map = <T>(of: Shape<T>, type = `map[string]${of.type}`): Shape<Record<string, T>> => ({
  kind: "map",
  of,
  type,
});

export const struct = <F extends Readonly<Record<string, Shape<any>>>>(
  type: string,
  fields: F,
): Shape<{ [K in keyof F]?: Shaped<F[K]> }> => ({
  kind: "struct",
  type,
  fields: new Map(Object.entries(fields).map(([name, shape]) => [fold(name), { name, shape }])),
});

/** How keys are compared. */
export const fold = (key: string): string => key.toLowerCase();
