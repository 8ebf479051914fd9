/** A file that somebody writes while others read it from its start. */
export interface GrowingFile {
  readonly path: string;
  /** How many bytes from its start can be read. */
  readonly availableBytes: number;
  /** Resolves once all of it can be read; rejects when that will not happen. */
  readonly complete: Promise<void>;
  /** Hears each time that more can be read. @returns what ends that. */
  onGrowth(listener: () => void): () => void;
}
