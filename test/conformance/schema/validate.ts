import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { decodeBody } from "../decode.ts";
import type { Answer, Step } from "../step.ts";

type Schema = Record<string, unknown>;
interface Swagger {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, { responses: Record<string, { schema?: Schema }> }>>;
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys of Swagger 2.0 that say nothing about validity. */
const ignored = new Set([
  "example",
  "examples",
  "description",
  "title",
  "discriminator",
  "readOnly",
  "default",
  "externalDocs",
]);

const resolve = (swagger: Swagger, schema: Schema): Schema => {
  const name = /^#\/definitions\/(.+)$/.exec(typeof schema["$ref"] === "string" ? schema["$ref"] : "")?.[1];
  return name === undefined ? schema : resolve(swagger, swagger.definitions[name] ?? {});
};

/** JSON Schema of a Swagger schema: `allOf` merged into one object, keys beyond the listed ones refused. */
const toJsonSchema = (swagger: Swagger, schema: Schema): Schema => {
  if (schema["$ref"]) return { $ref: schema["$ref"] };
  if (Array.isArray(schema["allOf"])) {
    const parts = (schema["allOf"] as Schema[]).map((part) => toJsonSchema(swagger, resolve(swagger, part)));
    const plain = parts.find((part) => part["type"] !== undefined && part["type"] !== "object");
    if (plain) return plain;
    const properties = Object.assign({}, ...parts.map((part) => part["properties"])) as Schema;
    return { type: "object", properties, additionalProperties: false };
  }
  const result: Schema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (ignored.has(key) || key.startsWith("x-") || key === "format" || key === "required" || key === "enum") continue;
    if (key === "properties") {
      const entries = Object.entries(value as Record<string, Schema>);
      result["properties"] = Object.fromEntries(entries.map(([name, item]) => [name, toJsonSchema(swagger, item)]));
    } else if (key === "items" || (key === "additionalProperties" && isObject(value)))
      result[key] = toJsonSchema(swagger, value as Schema);
    else result[key] = value;
  }
  if (result["properties"] && result["additionalProperties"] === undefined) result["additionalProperties"] = false;
  return result;
};

/** Docker's `null` and an absent key mean the same to its schema. */
const withoutNulls = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  );
};

export interface Violation {
  step: string;
  route: string;
  path: string;
  message: string;
}

/** Checks answers against Docker's published schema of API 1.51. **Source:** schema/v1.51.yaml (moby, Apache-2.0). */
export class SchemaValidator {
  readonly #swagger: Swagger;
  readonly #ajv: Ajv;
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #routes: { route: string; pattern: RegExp }[];

  constructor() {
    this.#swagger = parse(readFileSync(join(import.meta.dirname, "v1.51.yaml"), "utf8")) as Swagger;
    this.#ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
    const definitions = Object.entries(this.#swagger.definitions).map(([name, schema]) => [
      name,
      toJsonSchema(this.#swagger, schema),
    ]);
    this.#ajv.addSchema({ $id: "engine", definitions: Object.fromEntries(definitions) as Schema }, "engine");
    this.#routes = Object.keys(this.#swagger.paths)
      .sort((a, b) => Number(a.includes("{")) - Number(b.includes("{")) || b.length - a.length)
      .map((route) => ({ route, pattern: new RegExp(`^${route.replaceAll(/\{[^}]+\}/g, ".+")}$`) }));
  }

  /** What is wrong with an answer of the newest version; nothing for routes, states and bodies that have no schema. */
  check(step: Step, answer: Answer): Violation[] {
    if (!/json/.test(answer.headers["content-type"] ?? "") || /^\/v1\.(?!51)/.test(step.path)) return [];
    const path = step.path.replace(/^\/v1\.51/, "");
    const route = this.#routes.find(
      ({ pattern, route: candidate }) =>
        pattern.test(path) && this.#swagger.paths[candidate]?.[step.method.toLowerCase()],
    )?.route;
    if (!route) return [];
    const validator = this.#validator(route, step.method.toLowerCase(), String(answer.status));
    if (!validator) return [];
    const decoded = decodeBody(answer);
    const values = isObject(decoded) && Array.isArray(decoded["lines"]) ? (decoded["lines"] as unknown[]) : [decoded];
    return values.flatMap((value) => {
      if (value === "" || validator(withoutNulls(value))) return [];
      return (validator.errors ?? []).map((error) => ({
        step: step.name,
        route: `${step.method} ${route}`,
        path: error.instancePath.replaceAll(/\/\d+(?=\/|$)/g, "/*"),
        message:
          error.keyword === "additionalProperties"
            ? `unknown key ${String(error.params["additionalProperty"])}`
            : (error.message ?? error.keyword),
      }));
    });
  }

  #validator(route: string, method: string, status: string): ValidateFunction | undefined {
    const schema = this.#swagger.paths[route]?.[method]?.responses[status]?.schema;
    if (!schema) return undefined;
    const key = `${method} ${route} ${status}`;
    let validator = this.#validators.get(key);
    if (!validator) {
      const text = JSON.stringify(toJsonSchema(this.#swagger, schema)).replaceAll(
        '"#/definitions/',
        '"engine#/definitions/',
      );
      validator = this.#ajv.compile(JSON.parse(text) as Schema);
      this.#validators.set(key, validator);
    }
    return validator;
  }
}
