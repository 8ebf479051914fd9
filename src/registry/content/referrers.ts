import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { referrersFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";
import type { Manifests } from "./manifests.ts";

const maxDescriptorBytes = 4 * 1024 * 1024;
/** The most bytes of descriptors in one list. */
const maxListBytes = 4 * 1024 * 1024;

/** The descriptors of the manifests whose subject is this one, in the order of their digests, up to 4 MiB of them. */
export const listReferrers = async (
  storage: Storage,
  manifests: Manifests,
  repository: string,
  subject: Digest,
): Promise<Descriptor[]> => {
  const found: Descriptor[] = [];
  let bytes = 0;
  const folder = referrersFolder(repository, subject);
  for await (const { name: algorithm } of storage.list(folder)) {
    for await (const { name: hex } of storage.list(`${folder}/${algorithm}`)) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest) || !(await manifests.has(repository, digest))) continue;
      const text = await storage.read(`${folder}/${algorithm}/${hex}/link`, maxDescriptorBytes);
      if (text === null) continue;
      bytes += text.length;
      if (bytes > maxListBytes) return found;
      found.push(JSON.parse(text.toString("utf8")) as Descriptor);
    }
  }
  return found;
};
