import { readFileSync } from "node:fs";

/** Content larger than this is fetched in parts side by side, where the server has ranges. */
const partedFromBytes = 64 * 2 ** 20;
const partBytes = 16 * 2 ** 20;
/** Very long content has longer parts: the note of them stays small. */
const partsMax = 4096;

/** A stretch of content: which part of it, from which byte, up to which (exclusive; Infinity when not known). */
export interface Part {
  start: number;
  end: number;
  /** How many bytes from `start` on are in the file. */
  doneBytes: number;
}

/** How content of a size is cut; 0 when the size is not known. */
export const partsOf = (sizeBytes: number): Part[] => {
  if (sizeBytes <= partedFromBytes)
    return [{ start: 0, end: sizeBytes === 0 ? Number.POSITIVE_INFINITY : sizeBytes, doneBytes: 0 }];
  const length = Math.max(partBytes, Math.ceil(sizeBytes / partsMax));
  return Array.from({ length: Math.ceil(sizeBytes / length) }, (_, index) => ({
    start: index * length,
    end: Math.min((index + 1) * length, sizeBytes),
    doneBytes: 0,
  }));
};

const magic = "partial1";
const magicBytes = 48;
const numberBytes = 8;

/**
 * The note beside a partial file: what begins it, the size, and for each part how much of it is there. Written number
 * by number, in place, after the bytes it speaks of: a kill in between only makes it say too little.
 */
export const encodeState = (sizeBytes: number, parts: readonly Part[], bootId: string): Buffer => {
  const note = Buffer.alloc(magicBytes + numberBytes * (1 + parts.length));
  note.write(`${magic} ${bootId}`, 0, magicBytes, "latin1");
  note.writeDoubleLE(sizeBytes, magicBytes);
  parts.forEach(({ doneBytes }, index) => note.writeDoubleLE(doneBytes, doneOffset(index)));
  return note;
};

/** Where the note has the number of a part. */
export const doneOffset = (index: number): number => magicBytes + numberBytes * (1 + index);

/**
 * Reads a note; null when there is none that can be used: another boot's (what it speaks of may not have reached the
 * disk), another version's, a damaged one, or one of content whose size was not known.
 */
export const readState = (path: string, bootId: string): { sizeBytes: number; parts: Part[] } | null => {
  let note: Buffer;
  try {
    note = readFileSync(path);
  } catch {
    return null;
  }
  const head = Buffer.alloc(magicBytes);
  head.write(`${magic} ${bootId}`, 0, magicBytes, "latin1");
  if (note.length < magicBytes + numberBytes || !note.subarray(0, magicBytes).equals(head)) return null;
  const sizeBytes = note.readDoubleLE(magicBytes);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) return null;
  const parts = partsOf(sizeBytes);
  if (note.length !== doneOffset(parts.length)) return null;
  for (const [index, part] of parts.entries()) {
    part.doneBytes = note.readDoubleLE(doneOffset(index));
    if (!(part.doneBytes >= 0 && part.doneBytes <= part.end - part.start)) return null;
  }
  return { sizeBytes, parts };
};
