import type { Cli } from "../cli.ts";
import { ExitError } from "../cli.ts";
import { table } from "./table.ts";
import { Template, TemplateError } from "./template/template.ts";
import { goJson } from "./template/print.ts";

/** What a list shows: the fields of a row by their template names, in the order of the whole table. */
export interface Listing {
  /** The heading of each field. */
  headings: Readonly<Record<string, string>>;
  /** The fields of the table that is shown when nobody asks for another. */
  columns: readonly string[];
  rows: readonly Readonly<Record<string, string>>[];
}

const templateOf = (text: string): Template => {
  try {
    return new Template(text.replaceAll("\\t", "\t").replaceAll("\\n", "\n"));
  } catch (error) {
    if (error instanceof TemplateError)
      throw new ExitError(1, `template parsing error: template: :1: ${error.message}`);
    throw error;
  }
};

const fill = (template: Template, row: Readonly<Record<string, string>>): string => {
  try {
    return template.run(row);
  } catch (error) {
    if (error instanceof TemplateError) throw new ExitError(1, `template: :1: executing "": ${error.message}`);
    throw error;
  }
};

const sorted = (row: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * Writes a list as `--format` asks: `table` (the default), `table TEMPLATE`, `json`, or a line for each row.
 *
 * @throws ExitError for a template that cannot be read
 *
 * **Source:** docker/cli, formatter.
 */
export const writeListing = (cli: Cli, { headings, columns, rows }: Listing, format: string | undefined): void => {
  if (format === undefined || format === "" || format === "table") {
    const cells = rows.map((row) => columns.map((column) => row[column] ?? ""));
    cli.stdout.write(table([columns.map((column) => headings[column] ?? column), ...cells]));
  } else if (format === "json") {
    for (const row of rows) cli.stdout.write(`${goJson(sorted(row))}\n`);
  } else if (format.startsWith("table ")) {
    const template = templateOf(format.slice("table ".length).trim());
    const lines = [headings, ...rows].map((row) => fill(template, row).split("\t"));
    cli.stdout.write(table(lines));
  } else {
    const template = templateOf(format);
    for (const row of rows) cli.stdout.write(`${fill(template, row)}\n`);
  }
};

/** A text cut to so many characters, with an ellipsis for its end. */
export const ellipsis = (text: string, width: number): string => {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
};
