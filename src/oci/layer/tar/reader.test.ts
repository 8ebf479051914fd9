import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEntry, endOfArchive, paddingOf } from "./encode.ts";
import { byteString, pathOf } from "./entry.ts";
import type { Entry } from "./entry.ts";
import { decodePax, encodePax, formatTimestamp, timestampNs } from "./pax.ts";
import { TarReader } from "./reader.ts";
import { ByteSource, fromBytes } from "./source.ts";
import { fragmentsMax } from "./sparse.ts";

const plain: Entry = {
  type: "file",
  name: "file",
  linkName: "",
  mode: 0o644,
  uid: 1,
  gid: 2,
  sizeBytes: 0,
  mtimeNs: 0n,
  major: 0,
  minor: 0,
  xattrs: new Map(),
  fragments: null,
};

const readAll = (bytes: Buffer): { entries: Entry[]; contents: string[]; raw: Buffer } => {
  const raw: Buffer[] = [];
  const reader = new TarReader(new ByteSource(fromBytes(bytes)), (piece) => raw.push(Buffer.from(piece)));
  const [entries, contents]: [Entry[], string[]] = [[], []];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    let content = "";
    for (let piece = reader.content(); piece !== null; piece = reader.content()) content += piece.toString("latin1");
    entries.push(entry);
    contents.push(content);
  }
  return { entries, contents, raw: Buffer.concat(raw) };
};

/** A ustar header with some bytes replaced and its checksum made right again. */
const patched = (header: Buffer, ...patches: [offset: number, bytes: string | Buffer][]): Buffer => {
  const block = Buffer.from(header);
  for (const [offset, bytes] of patches) Buffer.from(bytes as string, "latin1").copy(block, offset);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
};

test("what is encoded is read back", () => {
  const entries: Entry[] = [
    plain,
    { ...plain, name: `${"d/".repeat(120)}name` },
    { ...plain, name: "n".repeat(300), linkName: "l".repeat(300), type: "symlink" },
    { ...plain, name: byteString("größe"), uid: 3_000_000, gid: 4_000_000 },
    { ...plain, name: "\xff\xfe\x80", mtimeNs: -1_500_000_000n },
    { ...plain, name: "time", mtimeNs: 1_700_000_000_123_456_789n },
    { ...plain, name: "large", sizeBytes: 0, mode: 0o6755 },
    { ...plain, name: "device", type: "character", major: 259, minor: 70_000 },
    { ...plain, name: "hard", type: "hardlink", linkName: "file" },
    { ...plain, name: "xattrs", xattrs: new Map([["security.capability", Buffer.from([1, 0, 10, 255])]]) },
    { ...plain, name: "dir/", type: "directory", mode: 0o1777 },
    { ...plain, name: "fifo", type: "fifo" },
  ];
  assert.deepEqual(readAll(Buffer.concat([...entries.map(encodeEntry), endOfArchive])).entries, entries);
});

test("every byte that is no content is heard, in order", () => {
  const content = "x".repeat(700);
  const tail = Buffer.from("trailing garbage that no member owns");
  const header = encodeEntry({ ...plain, sizeBytes: content.length });
  const zeros = Buffer.alloc(4096);
  const { contents, raw } = readAll(
    Buffer.concat([header, Buffer.from(content), paddingOf(content.length), endOfArchive, zeros, tail]),
  );
  assert.deepEqual(contents, [content]);
  assert.deepEqual(raw, Buffer.concat([header, paddingOf(content.length), endOfArchive, zeros, tail]));
});

test("old and foreign forms are read", () => {
  const header = encodeEntry(plain);
  const v7 = patched(header, [257, "\0".repeat(8)]);
  const v7Directory = patched(v7, [0, "dir/\0"], [156, "\0"]);
  const base256 = patched(header, [124, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])]);
  const negative = patched(header, [136, Buffer.alloc(12, 0xff)]);
  const spaces = patched(header, [100, "   644 \0"]);
  const padding = Buffer.concat([Buffer.from("abc"), paddingOf(3)]);
  const { entries, contents } = readAll(Buffer.concat([v7, v7Directory, base256, padding, negative, spaces]));
  assert.deepEqual(
    entries.map(({ type }) => type),
    ["file", "directory", "file", "file", "file"],
  );
  assert.equal(contents[2], "abc");
  assert.equal(entries[3]?.mtimeNs, -1_000_000_000n);
  assert.equal(entries[4]?.mode, 0o644);
});

test("GNU long names win, PAX records come before the header's fields, empty ones mean nothing", () => {
  const meta = (typeflag: string, text: string): Buffer => {
    const bytes = Buffer.from(text, "latin1");
    const header = encodeEntry({ ...plain, name: "meta", sizeBytes: bytes.length });
    return Buffer.concat([patched(header, [156, typeflag]), bytes, paddingOf(bytes.length)]);
  };
  const header = encodeEntry(plain);
  const read = (...parts: Buffer[]): Entry | undefined => readAll(Buffer.concat([...parts, header])).entries[0];
  assert.equal(read(meta("x", encodePax("path", "pax")))?.name, "pax");
  assert.equal(read(meta("x", encodePax("path", "")))?.name, "file");
  assert.equal(read(meta("L", "long\0rest"), meta("x", encodePax("path", "pax")))?.name, "long");
  assert.equal(read(meta("g", encodePax("path", "global")))?.name, "file");
  assert.equal(read(meta("x", encodePax("path", "a") + encodePax("path", "b")))?.name, "b");
  assert.deepEqual(
    read(meta("x", encodePax("SCHILY.xattr.user.k", "a=b\n\0")))?.xattrs.get("user.k"),
    Buffer.from("a=b\n\0"),
  );
});

test("malformed archives are refused", () => {
  const header = encodeEntry(plain);
  const wrong: [Buffer, RegExp][] = [
    [Buffer.from("no archive at all".repeat(100)), /invalid tar header/],
    [header.subarray(0, 300), /unexpected EOF/],
    [encodeEntry({ ...plain, sizeBytes: 10 }), /unexpected EOF/],
    [patched(header, [124, "-1234567890\0"]), /invalid tar header/],
    [patched(header, [124, Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]), /invalid tar header/],
    [patched(header, [156, "V"]), /unhandled tar header type 86/],
    [patched(header, [156, "x"], [124, "77777777777\0"]), /too long/],
    [Buffer.concat([Buffer.alloc(512), header]), /invalid tar header/],
    [Buffer.concat([header.subarray(0, 148), Buffer.from("0000001\0"), header.subarray(156)]), /invalid tar header/],
  ];
  for (const [bytes, message] of wrong) assert.throws(() => readAll(bytes), { name: "TarError", message });
});

test("sparse maps that lie are refused", () => {
  const sparse = (records: string, content = "", sizeBytes = content.length): Buffer => {
    const pax = encodeEntry({ ...plain, sizeBytes: records.length });
    const header = encodeEntry({ ...plain, sizeBytes });
    const [map, data] = [Buffer.from(records, "latin1"), Buffer.from(content, "latin1")];
    return Buffer.concat([patched(pax, [156, "x"]), map, paddingOf(map.length), header, data, paddingOf(data.length)]);
  };
  const map = (text: string, size = 100): string =>
    encodePax("GNU.sparse.size", String(size)) + encodePax("GNU.sparse.map", text);
  const good = readAll(sparse(map("10,3,50,2"), "abcde")).entries[0];
  assert.deepEqual(good?.fragments, [
    { offset: 10, length: 3 },
    { offset: 50, length: 2 },
  ]);
  assert.equal(good.sizeBytes, 100);
  const wrong = [
    "10,3,5,2",
    "10,3,50",
    "10,3,99,2",
    "10,5,11,0,12",
    "10,4,50,2",
    "-1,5",
    "1e3,5",
    "99999999999999999,5",
  ];
  for (const text of wrong) assert.throws(() => readAll(sparse(map(text), "abcde")), { name: "TarError" }, text);
  const many = Array.from({ length: fragmentsMax + 1 }, (_, index) => `${index},0`).join();
  assert.throws(() => readAll(sparse(map(many, 1e9))), { name: "TarError" });
  const version1 =
    encodePax("GNU.sparse.major", "1") + encodePax("GNU.sparse.minor", "0") + encodePax("GNU.sparse.realsize", "9");
  assert.throws(() => readAll(sparse(version1, `1000000000\n${"0\n".repeat(200)}`.padEnd(512, "\0"))), {
    name: "TarError",
  });
  assert.throws(() => readAll(sparse(version1, "9".repeat(512))), { name: "TarError" });
  assert.throws(() => readAll(sparse(version1, "1\n0\n")), { name: "TarError" });
});

test("PAX records and times are strict", () => {
  for (const wrong of ["5 a=b", "6 a=b\n\n", "x a=b\n", "99 a=b\n", "6 =ab\n", "3 \n", "0 a=b\n", "6 a\0=\n"]) {
    assert.throws(() => decodePax(Buffer.from(wrong)), { name: "TarError" }, wrong);
  }
  for (let length = 1; length < 1100; length += 7) {
    const value = "v".repeat(length);
    assert.deepEqual(decodePax(Buffer.from(encodePax("key", value))), [["key", value]]);
  }
  for (const ns of [0n, 1n, -1n, 1_500_000_000n, -1_500_000_000n, 1_700_000_000_000_000_001n]) {
    assert.equal(timestampNs(formatTimestamp(ns)), ns);
  }
  assert.throws(() => timestampNs("1.2.3"), { name: "TarError" });
});

test("names are bytes", () => {
  assert.equal(pathOf("plain"), "plain");
  assert.deepEqual(pathOf("\xff\xfe"), Buffer.from([0xff, 0xfe]));
  assert.equal(byteString("é"), "\xc3\xa9");
});
