const [quote, backslash, letterU] = [0x22, 0x5c, 0x75];
/** The byte for each letter after a backslash. */
const single = new Map(
  Array.from('nrt"\\/bf', (letter, index) => [letter.charCodeAt(0), '\n\r\t"\\/\b\f'.charCodeAt(index)]),
);

/**
 * Decodes the JSON string whose first byte is at `from` into `target`, up to its closing quote. Bytes above ASCII are
 * UTF-8 already and copied.
 *
 * @returns where the quote is and how many bytes were written; null for what needs a real parser: an escape that is
 * none, half of a surrogate pair, U+FFFD (which may stand for bytes that were no UTF-8).
 */
export const unescapeText = (source: Buffer, from: number, target: Buffer): { end: number; length: number } | null => {
  let at = from;
  let length = 0;
  for (;;) {
    const byte = source[at];
    if (byte === undefined) return null;
    if (byte === quote) return { end: at, length };
    if (byte !== backslash) {
      target[length++] = byte;
      at++;
      continue;
    }
    const letter = source[at + 1] ?? 0;
    if (letter !== letterU) {
      const value = single.get(letter);
      if (value === undefined) return null;
      target[length++] = value;
      at += 2;
      continue;
    }
    const unit = hex4(source, at + 2);
    if (unit === null || (unit >= 0xd800 && unit < 0xe000) || unit === 0xfffd) return null;
    if (unit < 0x80) target[length++] = unit;
    else if (unit < 0x800) {
      target[length++] = 0xc0 | (unit >> 6);
      target[length++] = 0x80 | (unit & 0x3f);
    } else {
      target[length++] = 0xe0 | (unit >> 12);
      target[length++] = 0x80 | ((unit >> 6) & 0x3f);
      target[length++] = 0x80 | (unit & 0x3f);
    }
    at += 6;
  }
};

const hex4 = (source: Buffer, at: number): number | null => {
  const value = Number.parseInt(source.toString("latin1", at, at + 4), 16);
  return /^[0-9a-fA-F]{4}$/.test(source.toString("latin1", at, at + 4)) ? value : null;
};
