import ipaddr from "ipaddr.js";

/** A block of addresses: its first address as a number, and its length. */
export interface Prefix {
  family: 4 | 6;
  first: bigint;
  last: bigint;
  prefixLength: number;
}

const bits = (family: 4 | 6): number => (family === 4 ? 32 : 128);

export const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);

/** An address as a number; null when the text is none (a zone, an octal or hex part, a port: all none). */
export const parseAddress = (text: string): bigint | null => {
  const isAddress = text.includes(":")
    ? ipaddr.IPv6.isValid(text) && !text.includes("%")
    : ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!isAddress) return null;
  return ipaddr
    .parse(text)
    .toByteArray()
    .reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
};

/** The shortest text of an address. */
export const formatAddress = (value: bigint, family: 4 | 6): string => {
  const length = bits(family) / 8;
  const bytes = Array.from({ length }, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
};

/** "172.17.0.0/16"; host bits may be set and are cleared. null when the text is no prefix. */
export const parsePrefix = (text: string): Prefix | null => {
  const [address = "", length = "", ...rest] = text.split("/");
  const family = familyOf(address);
  const value = parseAddress(address);
  if (value === null || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  const prefixLength = Number(length);
  if (prefixLength > bits(family)) return null;
  const hostBits = BigInt(bits(family) - prefixLength);
  const first = (value >> hostBits) << hostBits;
  return { family, first, last: first + (1n << hostBits) - 1n, prefixLength };
};

export const formatPrefix = (prefix: Prefix): string =>
  `${formatAddress(prefix.first, prefix.family)}/${prefix.prefixLength}`;

export const overlaps = (a: Prefix, b: Prefix): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last;

export const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;

export const containsAddress = (prefix: Prefix, address: bigint): boolean =>
  prefix.first <= address && address <= prefix.last;
