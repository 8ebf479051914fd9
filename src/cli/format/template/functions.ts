import { TemplateError } from "./node.ts";
import { goJson, goPrintf, goText } from "./print.ts";

export type Value = unknown;

/** What Go takes for false: nothing, 0, "" and what is empty. */
export const isTrue = (value: Value): boolean => {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
};

const text = (value: Value): string => (typeof value === "string" ? value : goText(value));

const same = (a: Value, b: Value): boolean =>
  a === b || ((a ?? null) === null && (b ?? null) === null) || (typeof a === "object" && goJson(a) === goJson(b));

const before = (a: Value, b: Value): boolean => {
  if (typeof a !== typeof b || !["number", "string"].includes(typeof a))
    throw new TemplateError("incompatible types for comparison");
  return (a as number) < (b as number);
};

const lengthOf = (value: Value): number => {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new TemplateError("error calling len: len of nil pointer");
};

const at = (value: Value, keys: readonly Value[]): Value =>
  keys.reduce<Value>((current, key) => {
    if (Array.isArray(current) || typeof current === "string") {
      const found = current[Number(key)];
      if (found === undefined) throw new TemplateError(`error calling index: index out of range: ${String(key)}`);
      return found;
    }
    if (typeof current === "object" && current !== null) return (current as Record<string, Value>)[String(key)] ?? "";
    throw new TemplateError("error calling index: index of untyped nil");
  }, value);

const title = (value: string): string =>
  value.replace(/(^|\s)(\p{Ll})/gu, (_, gap: string, first: string) => gap + first.toUpperCase());

/** The functions of Docker's templates, and Go's own. **Source:** docker/cli, templates; Go, text/template. */
export const functions: Readonly<Record<string, (...args: Value[]) => Value>> = {
  json: (value) => goJson(value),
  split: (value, separator) => text(value).split(text(separator)),
  join: (list, separator) => (Array.isArray(list) ? list.map(text).join(text(separator ?? "")) : ""),
  title: (value) => title(text(value)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  pad: (value, left, right) =>
    text(value) === "" ? "" : " ".repeat(Number(left)) + text(value) + " ".repeat(Number(right)),
  truncate: (value, length) => text(value).slice(0, Number(length)),
  println: (...values) => `${values.map(text).join(" ")}\n`,
  print: (...values) => values.map(text).join(""),
  printf: (format, ...values) => goPrintf(text(format), values),
  len: lengthOf,
  index: (value, ...keys) => at(value, keys),
  slice: (value, from = 0, to?) =>
    (Array.isArray(value) ? value : text(value)).slice(Number(from), to === undefined ? undefined : Number(to)),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => same(first, other)),
  ne: (a, b) => !same(a, b),
  lt: before,
  le: (a, b) => !before(b, a),
  gt: (a, b) => before(b, a),
  ge: (a, b) => !before(a, b),
  html: (value) => text(value).replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`),
  urlquery: (value) => encodeURIComponent(text(value)).replaceAll("%20", "+"),
};
