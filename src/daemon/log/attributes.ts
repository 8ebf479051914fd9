import { systemError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";

/** What a log's attributes and tag are made from. */
export interface LogSubject {
  id: string;
  /** Without the slash. */
  name: string;
  imageId: string;
  imageName: string;
  labels: Record<string, string>;
  /** "NAME=value" entries. */
  env: readonly string[];
}

/**
 * The `attrs` of every record of a container: the labels and variables that the log options choose, and the tag.
 * @throws EngineError for a pattern or a template that is none. **Source:** dockerd's json-file driver.
 */
export const logAttributes = (options: Record<string, string>, subject: LogSubject): Record<string, string> => {
  const env = Object.fromEntries(subject.env.map(splitVariable));
  return {
    ...chosen(subject.labels, options["labels"], options["labels-regex"]),
    ...chosen(env, options["env"], options["env-regex"]),
    ...(options["tag"] ? { tag: expandTag(options["tag"], subject) } : {}),
  };
};

const splitVariable = (entry: string): [string, string] => {
  const at = entry.indexOf("=");
  return at === -1 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
};

const chosen = (from: Record<string, string>, names = "", pattern = ""): Record<string, string> => {
  const listed = new Set(names.split(",").filter(Boolean));
  const matches = pattern === "" ? null : regex(pattern);
  return Object.fromEntries(Object.entries(from).filter(([name]) => listed.has(name) || matches?.test(name)));
};

const regex = (pattern: string): RegExp => {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw systemError(`error parsing regexp: invalid pattern: \`${pattern}\``, cause);
  }
};

/** `{{.ID}}`, `{{.Name}}` … of `--log-opt tag=`. */
const expandTag = (template: string, { id, name, imageId, imageName }: LogSubject): string => {
  const fields: Record<string, string> = {
    ID: shortId(id),
    FullID: id,
    Name: name,
    ImageID: shortId(imageId),
    ImageFullID: imageId,
    ImageName: imageName,
    DaemonName: "docker",
  };
  return template.replace(/\{\{\s*([^}]*?)\s*\}\}/g, (_, expression: string) => {
    const field = expression.replace(/^\./, "");
    const value = expression.startsWith(".") ? fields[field] : undefined;
    if (value === undefined)
      throw systemError(
        `template: log-tag: executing "log-tag" at <${expression}>: can't evaluate field ${field} in type *logger.Info`,
      );
    return value;
  });
};
