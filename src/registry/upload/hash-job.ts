// What the thread that hashes files and the one that writes them say to each other.

export type HashMessage =
  | { kind: "open"; id: number; path: string; algorithm: string }
  /** The file has this many bytes now. */
  | { kind: "advance"; id: number; toBytes: number }
  /** It is complete with this many: answer its digest. */
  | { kind: "finish"; id: number; toBytes: number }
  | { kind: "close"; id: number };

export type HashAnswer = { id: number; hex: string } | { id: number; error: string };
