// Archives as attackers make them, for every way in: load, pull, import and copy.
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findxattr } from "../../src/linux/file/xattr.ts";
import { encodePax } from "../../src/oci/layer/tar/pax.ts";
import { memberOf } from "./tar.ts";
import type { Member } from "./tar.ts";

/** Everything that can be seen of a tree: names, kinds, owners, modes, times, targets, contents, attributes. */
export const snapshot = (root: string): string[] =>
  ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })].sort().map((name) => {
    const path = join(root, name);
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isFile() ? readFileSync(path, "latin1") : stat.isSymbolicLink() ? readlinkSync(path) : "";
    const opaque = findxattr(path, "trusted.overlay.opaque")?.toString() ?? "";
    return [name, stat.mode, stat.uid, stat.gid, stat.nlink, stat.mtimeNs, stat.ctimeNs, content, opaque].join(" ");
  });

/** Files of the host that no archive may change. */
export const makeCanary = (path: string): void => {
  mkdirSync(join(path, "directory"), { recursive: true });
  writeFileSync(join(path, "file"), "canary");
  writeFileSync(join(path, "directory/file"), "canary");
  symlinkSync("file", join(path, "link"));
};

/** A header block with other bytes in it and the checksum that goes with them. */
const patched = (member: Buffer, patches: Record<number, string | Buffer>): Buffer => {
  const bytes = Buffer.from(member);
  for (const [at, value] of Object.entries(patches)) bytes.set(Buffer.from(value as string), Number(at));
  bytes.fill(0x20, 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
};

/** What goes before a member and changes what it means: PAX records (`x`, `g`), or a GNU long name (`L`, `K`). */
const meta = (typeflag: string, content: string | Buffer): Buffer =>
  patched(memberOf({ name: "PaxHeaders/x", content }), { 156: typeflag });

const records = (of: Record<string, string>): string =>
  Object.entries(of)
    .map(([key, value]) => encodePax(key, value))
    .join("");

/** A member that PAX records belong to, whatever its header says. */
const withPax = (of: Record<string, string>, member: Member): Buffer =>
  Buffer.concat([meta("x", records(of)), memberOf(member)]);

const paxNamed = (path: string, member: Member): Buffer => withPax({ path }, member);

/** Archives that try to reach `canary`, an absolute path, or to break what unpacks them; by what they try. */
export const hostileArchives = (canary: string): Record<string, (Member | Buffer)[]> => {
  const up = `${"../".repeat(40)}${canary.slice(1)}`;
  const link = (name: string, linkName: string): Member => ({ name, type: "symlink", linkName });
  const hard = (name: string, linkName: string): Member => ({ name, type: "hardlink", linkName });
  const evil = (name: string): Member => ({ name, content: "evil" });
  return {
    "climbs out": [evil(`${up}/file`)],
    "climbs out behind a directory": [{ name: "a/" }, evil(`a/../../../../../../../..${canary}/file`)],
    "climbs out in a PAX record": [paxNamed(`${up}/file`, evil("harmless"))],
    "absolute name": [evil(`${canary}/file`)],
    "absolute name in a PAX record": [paxNamed(`${canary}/new`, evil("harmless"))],
    "file through an absolute symlink": [link("x", canary), evil("x/file"), evil("x/new")],
    "file through a relative symlink": [link("x", up), evil("x/file"), evil("x/new")],
    "file over a symlink to a file": [link("x", `${canary}/file`), evil("x")],
    "file through two symlinks": [link("x", "y"), link("y", canary), evil("x/file")],
    "file through a symlink in a directory": [{ name: "d/" }, link("d/x", `../${up}`), evil("d/x/file")],
    "directory becomes a symlink after it was used": [{ name: "d/" }, evil("d/f"), link("d", canary), evil("d/file")],
    "deep directory becomes a symlink": [
      evil("a/b/c/f"),
      link("a/b", canary),
      evil("a/b/file"),
      evil("a/b/directory/file"),
    ],
    "link becomes a directory and a link again": [
      link("d", canary),
      { name: "d/" },
      evil("d/f"),
      link("d", up),
      evil("d/file"),
    ],
    "directory over a symlink": [
      link("x", `${canary}/directory`),
      { name: "x/", mode: 0o777, uid: 1000 },
      evil("x/file"),
    ],
    "attributes through a symlink": [
      link("x", canary),
      { name: "x/directory/", mode: 0o7777, uid: 5 },
      { name: "x/./" },
    ],
    "hard link to the host": [hard("x", `${canary}/file`), evil("x")],
    "hard link to the host, relative": [hard("x", `${up}/file`), evil("x")],
    "hard link through a symlink": [
      link("d", canary),
      hard("x", "d/file"),
      { name: "x", mode: 0o777, content: "evil" },
    ],
    "hard link to a symlink": [link("d", `${canary}/file`), hard("x", "d"), evil("x")],
    "hard link from inside a symlinked directory": [link("d", canary), evil("f"), hard("d/file", "f")],
    "hard link to itself": [evil("x"), hard("x", "x")],
    "whiteout through a symlink": [link("d", canary), { name: "d/.wh.file" }, { name: "d/.wh.directory" }],
    "opaque through a symlink": [link("d", canary), { name: "d/.wh..wh..opq" }],
    "whiteout of a parent": [{ name: "d/.wh..." }, { name: ".wh..." }, { name: ".wh..", content: "" }],
    "whiteout of nothing": [{ name: "d/.wh." }],
    "whiteout of a climbing name": [{ name: `${up}/.wh.file` }],
    "symlink replaced by a whiteout": [link("d", canary), { name: ".wh.d" }, evil("d/file")],
    "symlink through a symlink": [link("d", canary), link("d/new", "/"), link("d/file", "/etc")],
    "nodes through a symlink": [
      link("d", canary),
      { name: "d/fifo", type: "fifo" },
      { name: "d/null", type: "character", major: 1, minor: 3 },
      { name: "d/sda", type: "block", major: 8, minor: 0 },
    ],
    "magic links": [link("p", "/proc/self/root"), evil(`p${canary}/file`), link("q", "/proc/self/cwd"), evil("q/evil")],
    "the host's /proc": [link("p", "/proc/1/root"), evil(`p${canary}/file`), evil("p/new")],
    "the root as a symlink": [link(".", canary), evil("file")],
    "the root as a file": [{ name: "./", type: "file", content: "evil" }],
    "the root as a hard link": [hard("/", `${canary}/file`)],
    "a NUL in a PAX path": [paxNamed(`file\0${canary}`, evil("harmless"))],
    "overlay's own attributes": [
      {
        name: "d/",
        xattrs: new Map([
          ["trusted.overlay.redirect", Buffer.from(canary)],
          ["trusted.overlay.opaque", Buffer.from("y")],
        ]),
      },
      {
        name: "f",
        xattrs: new Map([
          ["trusted.overlay.metacopy", Buffer.alloc(0)],
          ["user.overlay.redirect", Buffer.from(canary)],
        ]),
      },
    ],
    "symlink loop": [link("a", "b"), link("b", "a"), evil("a/file")],
    "deep names": [evil(`${"d/".repeat(1500)}f`)],
    "a name that is too long": [evil("n".repeat(300)), evil(`${"d/".repeat(5000)}f`)],
    "file over a device": [{ name: "x", type: "block", major: 8, minor: 0 }, evil("x")],
    "file over a fifo": [{ name: "x", type: "fifo" }, evil("x")],
    "file below a fifo": [{ name: "x", type: "fifo" }, evil("x/y")],
    "a sparse file of 8 EiB": [sparse(2 ** 53 - 1)],
    "a sparse file larger than a number holds": [
      withPax({ "GNU.sparse.size": "9223372036854775807", "GNU.sparse.map": "0,4" }, evil("sparse")),
    ],
    "a sparse map out of order": [withPax({ "GNU.sparse.size": "100", "GNU.sparse.map": "50,2,0,2" }, evil("sparse"))],
    "a sparse map with a negative offset": [
      withPax({ "GNU.sparse.size": "100", "GNU.sparse.map": "-5,4" }, evil("sparse")),
    ],
    "a negative size in a PAX record": [withPax({ size: "-512" }, evil("x")), evil("x")],
    "a huge size in a PAX record": [withPax({ size: "9007199254740991" }, evil("x")), evil("x")],
    "a size that no number holds in a PAX record": [withPax({ size: "99999999999999999999" }, evil("x"))],
    "a size in a PAX record that hides a member": [
      withPax({ size: "0" }, { name: "x", content: memberOf(evil(`${canary}/file`)) }),
    ],
    "a negative size": [patched(memberOf(evil("x")), { 124: base256(-512n) })],
    "a size of 2^80": [patched(memberOf(evil("x")), { 124: base256(1n << 80n) })],
    "a size on a symlink": [patched(memberOf(link("x", canary)), { 124: "00000001000\0" }), evil("x/file")],
    "a link target in a PAX record": [
      withPax({ linkpath: `${canary}/file` }, hard("x", "harmless")),
      evil("x"),
      withPax({ linkpath: canary }, link("y", "harmless")),
      evil("y/file"),
    ],
    "long names of GNU": [
      Buffer.concat([meta("L", `${up}/file\0`), memberOf(evil("harmless"))]),
      Buffer.concat([meta("K", `${canary}/file\0`), memberOf(hard("x", "harmless"))]),
      evil("x"),
    ],
    "a long name of GNU without an end": [Buffer.concat([meta("L", `${canary}/file`), memberOf(evil("harmless"))])],
    "PAX records for the whole archive": [meta("g", records({ path: `${canary}/file`, linkpath: canary })), evil("x")],
    "both a PAX path and a long name": [
      Buffer.concat([meta("L", "harmless\0"), meta("x", records({ path: `${canary}/file` })), memberOf(evil("x"))]),
      Buffer.concat([meta("x", records({ path: "harmless" })), meta("L", `${canary}/file\0`), memberOf(evil("x"))]),
    ],
    "a NUL behind a name": [patched(memberOf(evil("x")), { 1: `\0${canary}/file` })],
    "PAX records that overlap": [meta("x", "30 path=a\n12 path=b\n"), evil("x")],
    "a PAX record of no length": [meta("x", "0 path=a\n"), evil("x")],
    "a name longer than any path": [paxNamed("n/".repeat(40_000), evil("x")), paxNamed("m".repeat(500_000), evil("x"))],
    "a link target longer than any path": [withPax({ linkpath: "l/".repeat(40_000) }, link("x", "y"))],
    "an attribute that is too large": [
      withPax({ "SCHILY.xattr.user.x": "v".repeat(200_000), "SCHILY.xattr.security.capability": "bad" }, evil("x")),
    ],
    "whiteouts of devices and links": [
      { name: "n", type: "character", major: 0, minor: 0 },
      { name: ".wh.n" },
      link("l", canary),
      { name: ".wh.l" },
      { name: ".wh.l/" },
      { name: ".wh.x/file", content: "evil" },
    ],
    "owners that no number holds": [withPax({ uid: "4294967296", gid: "4294967295" }, evil("x"))],
    "times beyond the calendar": [
      withPax({ mtime: "999999999999999.999999999999" }, evil("x")),
      withPax({ mtime: "-62135596800.5" }, evil("y")),
    ],
    "duplicates of everything": [
      evil("x"),
      { name: "x/" },
      link("x", canary),
      hard("x", "x"),
      { name: "x/file", content: "evil" },
    ],
  };
};

const sparse = (sizeBytes: number): Buffer =>
  withPax({ "GNU.sparse.size": String(sizeBytes), "GNU.sparse.map": "0,4" }, { name: "sparse", content: "evil" });

/** A number in base 256, as GNU writes what octal digits cannot hold. */
const base256 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(12);
  for (let index = 11, rest = BigInt.asUintN(96, value); index >= 0; index--, rest >>= 8n)
    bytes[index] = Number(rest & 0xffn);
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return bytes;
};
