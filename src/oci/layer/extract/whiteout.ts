import { isCode } from "../../../linux/error.ts";
import { fileType } from "../../../linux/file/flags.ts";
import { mknodat } from "../../../linux/file/make.ts";
import { isDirectory, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { setxattr } from "../../../linux/file/xattr.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { TarError } from "../tar/error.ts";
import { pathIn } from "./attributes.ts";

/**
 * What the members named `.wh.…` become: the marks that overlay reads, the removal of what they name from a tree that
 * is a full copy, or plain files (an archive that is no layer).
 */
export type WhiteoutForm = "overlay" | "remove" | "none";

const prefix = ".wh.";
const metaPrefix = ".wh..wh.";
const opaqueName = ".wh..wh..opq";

/** What a member's last component says. `meta` is a left-over of aufs that means nothing. */
export type Whiteout = { kind: "opaque" } | { kind: "meta" } | { kind: "name"; name: ByteString };

/**
 * **Source:** OCI image-spec, layer.md#whiteouts.
 * @throws TarError for a whiteout of nothing, "." or "..".
 */
export const whiteoutOf = (base: ByteString): Whiteout | null => {
  if (!base.startsWith(prefix)) return null;
  if (base === opaqueName) return { kind: "opaque" };
  if (base.startsWith(metaPrefix)) return { kind: "meta" };
  const name = base.slice(prefix.length);
  if (name === "" || name === "." || name === "..") throw new TarError(`invalid whiteout "${base}" in archive`);
  return { kind: "name", name };
};

/** The name of the member that stands for a removed `name`. */
export const whiteoutName = (name: ByteString): ByteString => prefix + name;
export const opaqueMemberName = opaqueName;

/** Overlay's mark of a removed name: a character device 0/0. */
export const isOverlayWhiteout = (stat: Pick<Stat, "mode" | "rdev">): boolean =>
  (stat.mode & fileType.mask) === fileType.character && stat.rdev.major === 0 && stat.rdev.minor === 0;

/** The attribute and value by which overlay hides everything that lower layers have in a directory. */
export const opaqueXattr = "trusted.overlay.opaque";
const opaqueValue = Buffer.from("y");

export const makeOpaque = (directory: number, name: ByteString): void => {
  setxattr(pathIn(directory, name === "" ? "." : name), opaqueXattr, opaqueValue);
};

/** Marks a name as removed. What this layer itself has there stays: a whiteout is about the layers below. */
export const makeOverlayWhiteout = (directory: number, name: ByteString): void => {
  const there = findat(directory, name);
  if (there === null) mknodat(directory, pathOf(name), fileType.character, 0n);
  else if (isDirectory(there)) makeOpaque(directory, name);
};

/** The file at a name, not followed; null when there is none. */
export const findat = (directory: number, name: ByteString): Stat | null => {
  try {
    return statat(directory, pathOf(name));
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
};
