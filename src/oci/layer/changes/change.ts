import type { ByteString } from "../tar/entry.ts";

/** What happened to a path, by the numbers of Docker's API. */
export const changeKinds = { modified: 0, added: 1, deleted: 2 } as const;
export type ChangeKind = (typeof changeKinds)[keyof typeof changeKinds];

/** One difference between a writable layer and what is below it. */
export interface PathChange {
  /** From the root, without a slash in front; bytes, not text. */
  path: ByteString;
  kind: ChangeKind;
}
