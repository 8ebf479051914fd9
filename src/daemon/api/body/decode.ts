import { invalidParameter } from "../../../base/errors.ts";
import { fold, string, type Shape } from "./shape.ts";
import { explainSyntax } from "./syntax.ts";

/**
 * Decodes a JSON body as Go's decoder does: keys of structs in any case, unknown keys dropped, null as absent, wrong
 * types refused.
 * @throws invalid-parameter in Docker's words.
 */
export const decodeBody = <T>(shape: Shape<T>, text: string | undefined, contentType: string | undefined): T => {
  checkContentType(text, contentType);
  if (text === undefined || text.trim() === "")
    throw invalidParameter("invalid JSON: got EOF while reading request body");
  return decodeText(shape, text);
};

/** Decodes JSON of a header or a query value. @throws invalid-parameter */
export const decodeText = <T>(shape: Shape<T>, text: string): T => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidParameter(explainSyntax(text));
  }
  return (value === null && shape.kind === "struct" ? {} : conform(shape, value, rootName(shape))) as T;
};

/** **Source:** RFC 9110, section 5.6.6. */
const mediaParameters = /^[^;]*(?:;\s*(?:[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\]|\\.)*"))?\s*)*$/;

/** A request without a body needs no type; one with a body must say JSON. */
const checkContentType = (text: string | undefined, contentType: string | undefined): void => {
  if (contentType === undefined || contentType === "") {
    if (text === undefined) return;
    throw invalidParameter("malformed Content-Type header (): mime: no media type");
  }
  if (!mediaParameters.test(contentType)) {
    throw invalidParameter(`malformed Content-Type header (${contentType}): mime: invalid media parameter`);
  }
  const type = (contentType.split(";")[0] ?? "").trim().toLowerCase();
  if (type !== "application/json") {
    throw invalidParameter(`unsupported Content-Type header (${contentType}): must be 'application/json'`);
  }
};

const jsonKind = (value: unknown): string =>
  Array.isArray(value)
    ? "array"
    : typeof value === "object"
      ? "object"
      : typeof value === "boolean"
        ? "bool"
        : typeof value;

/** 1e30, not 1e+30: as it was most likely written. */
const goNumber = (value: number): string => String(value).replace("e+", "e");

const mismatch = (shape: Shape, value: unknown, path: string): Error => {
  const what = typeof value === "number" && !Number.isInteger(value) ? `number ${goNumber(value)}` : jsonKind(value);
  return invalidParameter(`invalid JSON: json: cannot unmarshal ${what} into ${place(path)} of type ${shape.type}`);
};

/** Where paths begin: the struct's name without its package. ContainerCreate, which is made of several, has none. */
const rootName = (shape: Shape): string =>
  shape.type === "container.CreateRequest" ? "" : (shape.type.split(".").at(-1) ?? "");

/** Where in the body: a JSON pointer with dots, as dockerd 28.5 shows it. */
const place = (path: string): string =>
  !path.includes(".") ? "Go value" : /\.[0-9]+$/.test(path) ? path : `Go struct field ${path}`;

const within = (path: string, key: string | number): string =>
  `${path}.${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

const integerRange: Record<string, [min: number, max: number]> = {
  int64: [-(2 ** 63), 2 ** 63],
  int: [-(2 ** 63), 2 ** 63],
  uint: [0, 2 ** 64],
  uint16: [0, 65_535],
  "time.Duration": [-(2 ** 63), 2 ** 63],
};

/** Null is the zero value of its type: "" for an item that is a string, absent for a field. */
const conform = (shape: Shape, value: unknown, path: string): unknown => {
  if (value === null) return shape.kind === "string" ? "" : null;
  switch (shape.kind) {
    case "any":
      return value;
    case "string":
    case "boolean":
    case "number":
      if (typeof value !== shape.kind) throw mismatch(shape, value, path);
      return value;
    case "integer": {
      const [min, max] = integerRange[shape.type] ?? [-Infinity, Infinity];
      if (typeof value !== "number" || !Number.isInteger(value)) throw mismatch(shape, value, path);
      if (value < min || value > max) {
        throw invalidParameter(
          `invalid JSON: json: cannot unmarshal number ${goNumber(value)} into ${place(path)} of type ${shape.type}`,
        );
      }
      return value;
    }
    case "strings-or-string":
      if (typeof value === "string") return [value];
      if (!Array.isArray(value)) throw mismatch(shape, value, path);
      return value.map((item, i) => conform(string, item, within(path, i)));
    case "list":
      if (!Array.isArray(value)) throw mismatch(shape, value, path);
      return value.map((item, i) => conform(shape.of, item, within(path, i)));
    case "map": {
      if (typeof value !== "object" || Array.isArray(value)) throw mismatch(shape, value, path);
      const entries = Object.entries(value).map(
        ([key, item]) => [key, conform(shape.of, item, within(path, key))] as const,
      );
      return Object.fromEntries(entries);
    }
    case "struct": {
      if (typeof value !== "object" || Array.isArray(value)) throw mismatch(shape, value, path);
      const decoded: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        const field = shape.fields.get(fold(key));
        if (field === undefined) continue;
        if (item === null) delete decoded[field.name];
        else decoded[field.name] = conform(field.shape, item, within(path, field.name));
      }
      return decoded;
    }
  }
};
