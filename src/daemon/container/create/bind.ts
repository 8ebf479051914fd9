import { posix } from "node:path";
import { invalidParameter, systemError } from "../../../base/errors.ts";
import type { MountRecord } from "../record.ts";

/** How mounts spread between a bind and its source. */
export const propagations: readonly string[] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];
const consistencies = ["consistent", "cached", "delegated"];

/** What the third part of a bind says. */
export interface BindMode {
  readOnly: boolean;
  propagation: string;
  noCopy: boolean;
}

/** @throws EngineError "invalid mode: x" */
export const parseBindMode = (text: string): BindMode => {
  const mode: BindMode = { readOnly: false, propagation: "", noCopy: false };
  const seen = new Set<string>();
  for (const word of text === "" ? [] : text.split(",")) {
    const kind = kindOf(word);
    if (kind === undefined || seen.has(kind)) throw invalidParameter(`invalid mode: ${text}`);
    seen.add(kind);
    if (word === "ro") mode.readOnly = true;
    if (kind === "propagation") mode.propagation = word;
    if (kind === "copy") mode.noCopy = true;
  }
  return mode;
};

const kindOf = (word: string): string | undefined => {
  if (word === "ro" || word === "rw") return "access";
  if (word === "z" || word === "Z") return "label";
  if (word === "nocopy") return "copy";
  if (propagations.includes(word)) return "propagation";
  return consistencies.includes(word) ? "consistency" : undefined;
};

/**
 * A mount from `-v`: `source:destination[:mode]`, `name:destination[:mode]` or a destination alone.
 * @throws EngineError of dockerd's kinds, in its words
 */
export const parseBind = (text: string): MountRecord => {
  try {
    return readBind(text);
  } catch (error) {
    throw systemError((error as Error).message, error);
  }
};

const readBind = (text: string): MountRecord => {
  const parts = text.split(":");
  const [first = "", second, third] = parts;
  if (text === "" || parts.length > 3) throw invalidParameter(`invalid volume specification: '${text}'`);
  const destination = second ?? first;
  const source = second === undefined ? "" : first;
  if (second !== undefined && (first === "" || second === "")) {
    throw invalidParameter(`invalid volume specification: '${text}'`);
  }
  const mode = parseBindMode(third ?? "");
  const isBind = source.startsWith("/");
  try {
    checkDestination(destination);
  } catch (error) {
    throw invalidParameter(
      `invalid volume specification: '${text}': invalid mount config for type "${isBind ? "bind" : "volume"}": ${(error as Error).message}`,
    );
  }
  const common = { Destination: posix.normalize(destination).replace(/(.)\/$/, "$1"), RW: !mode.readOnly };
  if (isBind) {
    return {
      Type: "bind",
      Source: posix.normalize(source).replace(/(.)\/$/, "$1"),
      ...common,
      Mode: third ?? "",
      Propagation: mode.propagation,
      createSource: true,
    };
  }
  return {
    Type: "volume",
    ...(source === "" ? { anonymous: true } : { Name: source }),
    ...common,
    Mode: third ?? "z",
    Propagation: "",
    copyUp: !mode.noCopy,
  };
};

/** @throws EngineError invalid-parameter */
export const checkDestination = (destination: string): void => {
  if (!destination.startsWith("/")) {
    throw invalidParameter(`invalid mount path: '${destination}' mount path must be absolute`);
  }
  if (posix.normalize(destination) === "/") throw invalidParameter("invalid specification: destination can't be '/'");
};
