import { type Cli, ExitError } from "../cli.ts";
import { goJson } from "./template/print.ts";
import { Template, TemplateError } from "./template/template.ts";

const templateFailed = 64;

/**
 * Writes what an inspect found: indented JSON, with `--format json` a line of it, else a template for each.
 *
 * @throws ExitError for a template that cannot be read or does not fit
 *
 * **Source:** docker/cli, inspector.
 */
export const writeInspected = (cli: Cli, found: readonly object[], format: string | undefined): void => {
  if (format === undefined || format === "") {
    const text = JSON.stringify(found, undefined, 4);
    cli.stdout.write(`${text}\n`);
    return;
  }
  if (format === "json") {
    cli.stdout.write(`${goJson(found)}\n`);
    return;
  }
  try {
    const template = new Template(format);
    for (const one of found) cli.stdout.write(`${template.run(one)}\n`);
    if (found.length === 0) cli.stdout.write("\n");
  } catch (error) {
    if (error instanceof TemplateError)
      throw new ExitError(templateFailed, `template parsing error: template: :1: ${error.message}`);
    throw error;
  }
};
