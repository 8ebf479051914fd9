/** What is known of a stored object without reading it. */
export interface ObjectStat {
  sizeBytes: number;
  /** Milliseconds since the epoch. */
  modifiedMs: number;
}

/** A stored object that is open for reading. */
export interface StoredObject extends AsyncDisposable {
  readonly sizeBytes: number;
  /**
   * The bytes from `start` up to, not including, `end`. A piece is overwritten when the next is asked for.
   */
  pieces(start: number, end: number): AsyncGenerator<Uint8Array, void, void>;
  /** The descriptor of the file that it is, when it is one that is complete. */
  readonly descriptor?: number;
}

export interface Entry {
  name: string;
  isFolder: boolean;
}

/**
 * Where a registry's content is kept: objects by keys that look like relative paths (`keys.ts` makes them all, from
 * names that were checked). Every storage passes `storage.contract.ts`.
 */
export interface Storage extends AsyncDisposable {
  /** True when this process alone writes there, so that what it has read stays true until it writes. */
  readonly exclusive: boolean;

  /** A whole small object; null when there is none. @throws Error when it has more than `maxBytes`. */
  read(key: string, maxBytes: number): Promise<Buffer | null>;
  stat(key: string): Promise<ObjectStat | null>;
  open(key: string): Promise<StoredObject | null>;
  /** Makes or replaces an object: a reader, or the next start after a crash, sees the old bytes or the new. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** A local file becomes the object, replacing nothing half way; the file is gone afterwards. */
  take(key: string, path: string): Promise<void>;
  /** Removes an object. @returns false when there was none. */
  remove(key: string): Promise<boolean>;
  /** Removes everything whose key begins with `folder/`. */
  removeFolder(folder: string): Promise<void>;
  /** What is directly in a folder, in the order of the names' bytes, from the first name after `after` on. */
  list(folder: string, after?: string): AsyncGenerator<Entry, void, void>;
}
