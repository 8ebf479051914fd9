import { systemError } from "../../base/errors.ts";
import type { Filters } from "../../base/filters.ts";
import { parseFilters } from "./filters.ts";

const falsehoods = new Set(["", "0", "no", "false", "none"]);

/** The query of a request, read as Docker reads it. A version step may change it before the route sees it. */
export class Query {
  readonly values: URLSearchParams;

  constructor(text: string) {
    this.values = new URLSearchParams(text);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** The first value, "" when there is none. */
  string(name: string): string {
    return this.values.get(name) ?? "";
  }

  /** The first value, or undefined when the parameter is absent or empty. */
  optional(name: string): string | undefined {
    return this.values.get(name) || undefined;
  }

  /** Every value of a parameter that may be repeated. */
  strings(name: string): string[] {
    return this.values.getAll(name);
  }

  /** False for "", "0", "no", "false" and "none", whatever their case; true for anything else. */
  boolean(name: string, otherwise = false): boolean {
    const value = this.values.get(name);
    return value === null ? otherwise : !falsehoods.has(value.trim().toLowerCase());
  }

  /**
   * A whole number; undefined when the parameter is absent or empty.
   * @throws system, as Docker does: `strconv.Atoi: parsing "x": invalid syntax`.
   */
  integer(name: string): number | undefined {
    const value = this.values.get(name);
    if (value === null || value === "") return undefined;
    if (!/^[+-]?[0-9]+$/.test(value)) throw systemError(`strconv.Atoi: parsing ${quote(value)}: invalid syntax`);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw systemError(`strconv.Atoi: parsing ${quote(value)}: value out of range`);
    return number;
  }

  /** @throws invalid-parameter "invalid filter" */
  filters(name = "filters"): Filters {
    return parseFilters(this.values.get(name));
  }
}

/** A string as Go's `%q` shows it. */
export const quote = (text: string): string => JSON.stringify(text);
