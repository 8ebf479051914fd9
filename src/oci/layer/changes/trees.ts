import { closeSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW, fileType } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { findat } from "../extract/whiteout.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";

/**
 * What differs in `young`, which began as a full copy of `old`. Files are compared by mode, owner, size and time.
 *
 * @param old null when there was nothing.
 */
export const treeChanges = (old: string | null, young: string): PathChange[] => {
  const changes: PathChange[] = [];
  const [before, after] = [old === null ? null : openDirectory(old), openDirectory(young)];
  try {
    compare(before, after, "", changes);
  } finally {
    closeSync(after);
    if (before !== null) closeSync(before);
  }
  return changes;
};

const compare = (before: number | null, after: number, path: ByteString, changes: PathChange[]): void => {
  const names = new Set([...namesIn(after), ...(before === null ? [] : namesIn(before))]);
  let recorded = path === "" || changes.at(-1)?.path === path;
  const at = changes.length;
  for (const name of [...names].sort()) {
    const [was, is] = [before === null ? null : findat(before, name), findat(after, name)];
    const kind = kindOf(was, is);
    if ((kind === changeKinds.added || kind === changeKinds.deleted) && !recorded) {
      changes.splice(at, 0, { path, kind: changeKinds.modified });
      recorded = true;
    }
    const child = joinPlace(path, name);
    if (kind !== null) changes.push({ path: child, kind });
    if (is !== null && isDirectory(is)) inside(before, was, after, name, child, changes);
  }
};

const inside = (
  before: number | null,
  was: Stat | null,
  after: number,
  name: ByteString,
  path: ByteString,
  changes: PathChange[],
): void => {
  const flags = O_DIRECTORY | O_NOFOLLOW;
  const [old, young] = [
    before !== null && was !== null && isDirectory(was) ? openat2(before, pathOf(name), { flags }) : null,
    openat2(after, pathOf(name), { flags }),
  ];
  try {
    compare(old, young, path, changes);
  } finally {
    closeSync(young);
    if (old !== null) closeSync(old);
  }
};

const kindOf = (was: Stat | null, is: Stat | null): PathChange["kind"] | null => {
  if (is === null) return was === null ? null : changeKinds.deleted;
  if (was === null) return changeKinds.added;
  const device = (stat: Stat): string => `${stat.rdev.major}:${stat.rdev.minor}`;
  const same =
    was.mode === is.mode &&
    was.uid === is.uid &&
    was.gid === is.gid &&
    device(was) === device(is) &&
    // A directory's size is the file system's business, its time changes with what is in it.
    ((is.mode & fileType.mask) === fileType.directory || (was.size === is.size && was.mtimeNs === is.mtimeNs));
  return same ? null : changeKinds.modified;
};
