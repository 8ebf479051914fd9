import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";

/**
 * Tells of a directory in which something changed that it did itself, as Docker does, unless it is told of already.
 * @param at how many changes there were before the directory's content
 */
export const recordDirectory = (changes: PathChange[], at: number, path: ByteString): void => {
  if (changes.length === at || path === "" || changes[at - 1]?.path === path) return;
  changes.splice(at, 0, { path, kind: changeKinds.modified });
};
