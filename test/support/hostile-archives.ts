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

/** A member whose name comes from a PAX record, whatever its header says. */
const paxNamed = (path: string, member: Member): Buffer => {
  const header = memberOf({ name: "PaxHeaders/x", content: encodePax("path", path) });
  header.write("x", 156, "latin1");
  header.fill(0x20, 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, memberOf(member)]);
};

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
    "duplicates of everything": [
      evil("x"),
      { name: "x/" },
      link("x", canary),
      hard("x", "x"),
      { name: "x/file", content: "evil" },
    ],
  };
};

const sparse = (sizeBytes: number): Buffer => {
  const records = encodePax("GNU.sparse.size", String(sizeBytes)) + encodePax("GNU.sparse.map", "0,4");
  const named = paxNamed("x", { name: "sparse", content: "evil" });
  const header = memberOf({ name: "PaxHeaders/x", content: records });
  named.copy(header, 156, 156, 157);
  header.fill(0x20, 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, memberOf({ name: "sparse", content: "evil" })]);
};
