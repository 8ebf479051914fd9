/** Where an archive is written. */
export interface ArchiveSink {
  /** The bytes are valid during the call only. */
  write(piece: Uint8Array): void;
  /** Takes up to `most` bytes of a file at `position`; gives them back for as long as nothing else is asked. */
  read(fd: number, most: number, position: number): Buffer;
}
