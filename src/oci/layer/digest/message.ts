import type { MessagePort } from "node:worker_threads";

/** What is asked of a digest thread. */
export type DigestRequest =
  | {
      kind: "follow";
      id: number;
      path: string;
      algorithm: string;
      /** Where the bytes go besides: a pipe's end that the thread closes. */
      output: number;
      availableBytes: number;
      isWhole: boolean;
    }
  | { kind: "grow"; id: number; availableBytes: number; isWhole: boolean }
  /** Ends the output; the bytes are hashed to their end all the same. */
  | { kind: "mute"; id: number }
  | { kind: "cancel"; id: number }
  | { kind: "blocks"; port: MessagePort; blocks: SharedBlocks };

/** What a digest thread tells. */
export type DigestAnswer =
  | { id: number; kind: "taken"; bytes: number }
  | { id: number; kind: "digest"; digest: string; sizeBytes: number }
  | { id: number; kind: "error"; message: string };

/** A row of blocks that two threads share: one fills them and uses their bytes, the other hashes them in order. */
export interface SharedBlocks {
  data: SharedArrayBuffer;
  /** Int32 words, see `words`. */
  control: SharedArrayBuffer;
  /** Where the digest comes in the end. */
  digest: SharedArrayBuffer;
}

/** Blocks are handed over by messages: the block's number and how many bytes of it are filled; null ends the row. */
export type BlockMessage = { block: number; length: number } | null;

export const blockCount = 4;
export const blockBytes = 1 << 18;
/** What the words of `SharedBlocks.control` count: blocks that are hashed, and 1 once the digest is there. */
export const words = { hashed: 0, finished: 1 } as const;
export const digestBytes = 32;
