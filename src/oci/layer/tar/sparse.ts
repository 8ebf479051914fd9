import { blockBytes } from "./entry.ts";
import type { ByteString, Fragment } from "./entry.ts";
import { TarError } from "./error.ts";
import { number } from "./header.ts";
import { decimal } from "./pax.ts";
import type { PaxRecords } from "./pax.ts";

/** Most stretches of data that one sparse file may have; a real one has some hundreds. */
export const fragmentsMax = 65_536;

/** Hands out the next blocks of the archive, as bytes that belong to the headers. */
export type TakeBlock = () => Buffer;

/**
 * The sparse map of the GNU formats before PAX: four stretches in the header, 21 in each block after it.
 *
 * **Source:** GNU tar manual, "Sparse Formats", the old format.
 */
export const oldGnuSparse = (block: Buffer, take: TakeBlock): { fragments: Fragment[]; sizeBytes: number } => {
  const sizeBytes = number(block, 483, 12);
  const fragments: Fragment[] = [];
  let [current, offset, count, more] = [block, 386, 4, block[482] !== 0];
  for (;;) {
    for (let index = 0; index < count && current[offset + index * 24] !== 0; index++) {
      const at = offset + index * 24;
      push(fragments, number(current, at, 12), number(current, at + 12, 12));
    }
    if (!more) return { fragments, sizeBytes };
    [current, offset, count] = [take(), 0, 21];
    more = current[504] !== 0;
  }
};

/** The sparse map in PAX records (0.0 and 0.1) or in front of the data (1.0); null for a file that is not sparse. */
export const paxSparse = (
  records: PaxRecords,
  take: TakeBlock,
): { fragments: Fragment[]; sizeBytes: number | null; name: ByteString | null } | null => {
  const last = new Map(records);
  const name = last.get("GNU.sparse.name") || null;
  const sizeText = last.get("GNU.sparse.realsize") ?? last.get("GNU.sparse.size");
  const sizeBytes = sizeText === undefined ? null : decimal(sizeText);
  const version = `${last.get("GNU.sparse.major") ?? ""}.${last.get("GNU.sparse.minor") ?? ""}`;
  if (version === "1.0") return { fragments: mapInData(take), sizeBytes, name };
  const map = last.get("GNU.sparse.map");
  if (map !== undefined && map !== "")
    return { fragments: pairs(map.split(",", 2 * fragmentsMax + 2)), sizeBytes, name };
  const offsets = records.filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes");
  if (offsets.length === 0) return null;
  offsets.forEach(([key], index) => {
    if (key !== (index % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes")) throw invalid();
  });
  return { fragments: pairs(offsets.map(([, value]) => value)), sizeBytes, name };
};

const pairs = (numbers: ByteString[]): Fragment[] => {
  if (numbers.length % 2 !== 0) throw invalid();
  const fragments: Fragment[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    push(fragments, decimal(numbers[index] ?? ""), decimal(numbers[index + 1] ?? ""));
  }
  return fragments;
};

/** Version 1.0: newline-terminated decimals, the count of pairs first, padded to a block. */
const mapInData = (take: TakeBlock): Fragment[] => {
  let block = take();
  let position = 0;
  const next = (): number => {
    let digits = "";
    for (;;) {
      if (position === blockBytes) [block, position] = [take(), 0];
      const byte = block[position++] ?? 0;
      if (byte === 0x0a) return decimal(digits);
      digits += String.fromCharCode(byte);
      if (digits.length > 16) throw invalid();
    }
  };
  const count = next();
  if (count > fragmentsMax) throw invalid();
  const fragments: Fragment[] = [];
  for (let index = 0; index < count; index++) push(fragments, next(), next());
  return fragments;
};

const push = (fragments: Fragment[], offset: number, length: number): void => {
  if (fragments.length >= fragmentsMax || offset < 0 || length < 0) throw invalid();
  fragments.push({ offset, length });
};

/** @throws TarError unless the stretches are in order, apart, inside the file, and as long as what is stored. */
export const checkFragments = (fragments: readonly Fragment[], sizeBytes: number, storedBytes: number): void => {
  let end = 0;
  let stored = 0;
  for (const { offset, length } of fragments) {
    if (offset < end || offset + length > sizeBytes) throw invalid();
    end = offset + length;
    stored += length;
  }
  if (stored !== storedBytes) throw invalid();
};

const invalid = (): TarError => new TarError("invalid tar header");
