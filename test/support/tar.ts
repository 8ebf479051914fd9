import { encodeEntry, endOfArchive, paddingOf } from "../../src/oci/layer/tar/encode.ts";
import type { Entry } from "../../src/oci/layer/tar/entry.ts";

/** A member of an archive to be made; what is left out is ordinary. */
export type Member = Partial<Omit<Entry, "sizeBytes">> & { name: string; content?: string | Buffer };

/** One member's blocks. */
export const memberOf = ({ content = "", ...fields }: Member): Buffer => {
  const bytes = Buffer.from(content as string);
  const type = fields.type ?? (fields.name.endsWith("/") ? "directory" : "file");
  const entry: Entry = {
    type,
    linkName: "",
    mode: type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: type === "file" ? bytes.length : 0,
    mtimeNs: 1_700_000_000_000_000_000n,
    major: 0,
    minor: 0,
    xattrs: new Map(),
    fragments: null,
    ...fields,
  };
  return Buffer.concat([encodeEntry(entry), bytes, paddingOf(bytes.length)]);
};

/** A whole archive; buffers go in as they are. */
export const tarOf = (...members: (Member | Buffer)[]): Buffer =>
  Buffer.concat([...members.map((member) => (Buffer.isBuffer(member) ? member : memberOf(member))), endOfArchive]);
