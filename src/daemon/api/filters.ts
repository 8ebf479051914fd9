import { invalidParameter } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const valuesOf = (value: unknown): string[] => {
  if (value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  if (isObject(value) && Object.values(value).every((item) => typeof item === "boolean")) return Object.keys(value);
  throw invalidParameter("invalid filter");
};

/**
 * Reads the query value `filters` in both forms: `{"label":{"a=b":true}}` of newer clients, `{"label":["a=b"]}` of
 * older ones and most libraries.
 * @throws invalid-parameter "invalid filter"
 * **Source:** Engine API, parameter `filters` of ContainerList.
 */
export const parseFilters = (text: string | null): Filters => {
  if (text === null || text === "") return Filters.none;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalidParameter("invalid filter", error);
  }
  if (parsed === null) return Filters.none;
  if (!isObject(parsed)) throw invalidParameter("invalid filter");
  return new Filters(new Map(Object.entries(parsed).map(([key, value]) => [key, valuesOf(value)])));
};
