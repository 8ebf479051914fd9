/** A part of something with `sizeBytes` bytes: `end` is the first byte after it. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * What a `Range` header asks for: a part, null when nothing of it is there, undefined when the whole is to be sent (no
 * header, one that cannot be read, or several parts, which a server may ignore).
 *
 * **Source:** RFC 9110, section 14.2.
 */
export const readRange = (header: string | undefined, sizeBytes: number): ByteRange | null | undefined => {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? null : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= sizeBytes) return null;
  return { start, end: last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
};

/**
 * The place of a chunk of an upload: `<start>-<end>`, both inclusive, also in the words of other headers
 * (`bytes 0-9/*`). Undefined when there is no header, null when it cannot be read.
 *
 * **Source:** OCI distribution-spec, Pushing a blob in chunks.
 */
export const readContentRange = (header: string | undefined): ByteRange | null | undefined => {
  if (header === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(?:\d{1,16}|\*))?$/.exec(header.trim());
  if (match === null) return null;
  const [start, end] = [Number(match[1]), Number(match[2]) + 1];
  return end < start ? null : { start, end };
};
