import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { referrersFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";
import type { Manifests } from "./manifests.ts";

const maxDescriptorBytes = 4 * 1024 * 1024;
/** The most bytes of descriptors in one list. */
const maxListBytes = 4 * 1024 * 1024;

export interface ReferrersPage {
  entries: Descriptor[];
  /** The last digest that was looked at, when there may be more after it. */
  next: Digest | undefined;
}

/**
 * The descriptors of the manifests whose subject is this one, in the order of their digests, up to 4 MiB of them.
 *
 * @param options `artifactType` to be listed, "" for all; `after` the digest that `next` was
 */
export const listReferrers = async (
  { storage, manifests }: { storage: Storage; manifests: Manifests },
  repository: string,
  subject: Digest,
  { artifactType, after }: { artifactType: string; after: string },
): Promise<ReferrersPage> => {
  const entries: Descriptor[] = [];
  let bytes = 0;
  let looked: Digest | undefined;
  const [afterAlgorithm = "", afterHex = ""] = after.split(":");
  const folder = referrersFolder(repository, subject);
  for await (const { name: algorithm } of storage.list(folder)) {
    if (algorithm < afterAlgorithm) continue;
    const from = algorithm === afterAlgorithm ? afterHex : "";
    for await (const { name: hex } of storage.list(`${folder}/${algorithm}`, from)) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest) || !(await manifests.has(repository, digest))) continue;
      const text = await storage.read(`${folder}/${algorithm}/${hex}/link`, maxDescriptorBytes);
      if (text === null) continue;
      const descriptor = JSON.parse(text.toString("utf8")) as Descriptor;
      if (artifactType === "" || descriptor.artifactType === artifactType) {
        bytes += text.length;
        if (bytes > maxListBytes && entries.length > 0) return { entries, next: looked };
        entries.push(descriptor);
      }
      looked = digest;
    }
  }
  return { entries, next: undefined };
};
