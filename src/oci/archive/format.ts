/** How an archive is compressed. `identity` is not at all. */
export type Compression = "identity" | "gzip" | "zstd" | "bzip2" | "xz";

/** As many bytes of an archive's beginning as `detectCompression` needs. */
export const magicBytes = 6;

const magics: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** Tells the compression by an archive's first bytes, never by what its media type or name claims. */
export const detectCompression = (start: Uint8Array): Compression => {
  // A skippable frame may come before the first of zstd's own.
  if (((start[0] ?? 0) & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return "zstd";
  return magics.find(([, magic]) => magic.every((byte, index) => start[index] === byte))?.[0] ?? "identity";
};
