import { invalidParameter } from "../../../base/errors.ts";
import { type Query, quote } from "../query.ts";

const maxSize = 2 ** 32 - 1;

/**
 * `h` and `w` of a resize.
 * @throws invalid-parameter `invalid resize height "x": invalid syntax`
 */
export const terminalSize = (query: Query): { rows: number; columns: number } => ({
  rows: size("height", query.string("h")),
  columns: size("width", query.string("w")),
});

const size = (what: string, text: string): number => {
  if (!/^-?[0-9]+$/.test(text)) throw invalidParameter(`invalid resize ${what} ${quote(text)}: invalid syntax`);
  if (Number(text) < 0 || Number(text) > maxSize)
    throw invalidParameter(`invalid resize ${what} ${quote(text)}: value out of range`);
  return Number(text);
};
