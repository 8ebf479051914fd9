import { changeKinds } from "../changes/change.ts";
import type { PathChange } from "../changes/change.ts";
import { placeOf } from "../extract/name.ts";
import { Tree } from "../extract/tree.ts";
import type { TarPacker } from "./pack.ts";

const whiteoutMember = /(?:^|\/)\.wh\./;

/** Writes the members that make `changes` to the layers below: files and directories themselves, and whiteouts. */
export const packChanges = (packer: TarPacker, root: number, changes: readonly PathChange[]): void => {
  // The tree closes what it was given; the caller's descriptor stays the caller's.
  const tree = new Tree(root);
  try {
    for (const { path, kind } of changes) {
      // No layer can hold such a name: it would mean that another one is removed.
      if (whiteoutMember.test(path)) continue;
      if (kind === changeKinds.deleted) {
        packer.addWhiteoutOf(path);
        continue;
      }
      const { directory, base } = placeOf(path);
      packer.add(tree.directory(directory, false).fd, base, path, { recursive: false });
    }
  } finally {
    tree.forget();
  }
};
