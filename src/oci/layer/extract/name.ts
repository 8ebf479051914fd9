import type { ByteString } from "../tar/entry.ts";
import { textOf } from "../tar/entry.ts";
import { TarError } from "../tar/error.ts";

/** A place inside a tree: the directory's path ("" is the root) and the last component ("" for the root itself). */
export interface Place {
  directory: ByteString;
  base: ByteString;
}

/**
 * Where a name in an archive points: no leading or trailing slash, no "." and no ".." left. Absolute names start at the
 * root of the tree. This only makes names comparable; that nothing leaves the tree is the kernel's business.
 *
 * @throws TarError for a name that climbs out or holds a NUL.
 */
export const placeOf = (name: ByteString): Place => {
  const path = isClean(name) ? name : clean(name);
  const slash = path.lastIndexOf("/");
  return slash === -1
    ? { directory: "", base: path }
    : { directory: path.slice(0, slash), base: path.slice(slash + 1) };
};

export const joinPlace = (directory: ByteString, base: ByteString): ByteString =>
  directory === "" ? base : base === "" ? directory : `${directory}/${base}`;

const unclean = /(?:^|\/)(?:\.{0,2})(?:\/|$)|\0/;
const isClean = (name: ByteString): boolean => !unclean.test(name);

const clean = (name: ByteString): ByteString => {
  if (name.includes("\0")) throw new TarError(`invalid name ${JSON.stringify(textOf(name))} in archive`);
  const parts: ByteString[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined)
      throw new TarError(`${JSON.stringify(textOf(name))} is outside of the archive's root`);
  }
  return parts.join("/");
};
