import { Socket } from "node:net";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { systemError } from "../../../base/errors.ts";
import { feedStream } from "../../../oci/archive/feed.ts";
import { readMembers } from "../../../oci/archive/members.ts";
import { isDigest } from "../../../oci/digest.ts";
import type { ContentLease, ImageContext } from "../context.ts";

/** The largest member of an archive of images. */
const maxMemberBytes = 512 * 1024 * 1024 * 1024;
const maxLinks = 16;

/** A path in the archive, as one of several spellings: `./a//b` is `a/b`. Never a path of this machine. */
const normal = (path: string): string => posix.normalize(`/${path}`).slice(1);

/** The members of an archive of images: their contents are blobs now, their names only keys. */
export class SpooledArchive {
  readonly #files = new Map<string, string>();
  readonly #links = new Map<string, string>();

  addFile(name: string, digest: string): void {
    this.#files.set(normal(name), digest);
  }

  addLink(name: string, target: string): void {
    this.#links.set(normal(name), normal(target));
  }

  /** The digest of a file's content, links followed; undefined when there is no such file. */
  find(path: string): string | undefined {
    let name = normal(path);
    for (let hops = 0; hops < maxLinks; hops++) {
      const digest = this.#files.get(name);
      const target = this.#links.get(name);
      if (digest !== undefined || target === undefined) return digest;
      name = target;
    }
    return undefined;
  }

  /** @throws EngineError system `open x: no such file or directory` */
  get(path: string): string {
    const digest = this.find(path);
    if (digest === undefined) throw systemError(`open ${path}: no such file or directory`);
    return digest;
  }
}

/** What a name promises of its content: `blobs/sha256/<hex>` is a digest. */
const promisedDigest = (name: string): string | null => {
  const found = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(normal(name));
  const digest = `${found?.[1]}:${found?.[2]}`;
  return found !== null && isDigest(digest) ? digest : null;
};

/**
 * Reads an archive of images, however it is compressed, into blobs that `lease` holds. Nothing is written below a name
 * of the archive's choosing.
 *
 * @throws TarError or CompressionError when the archive is damaged; what the source failed with.
 */
export const spoolArchive = async (
  context: ImageContext,
  source: Readable,
  lease: ContentLease,
  signal: AbortSignal | undefined,
): Promise<SpooledArchive> => {
  const archive = new SpooledArchive();
  const feed = await feedStream(source, { signal });
  // Failures on the feeding side are awaited below; until then they are nobody's.
  feed.finished.catch(() => undefined);
  const plain = new Socket({ fd: feed.fd, readable: true, writable: false });
  try {
    for await (const member of readMembers(plain)) {
      signal?.throwIfAborted();
      if (member.type === "symlink")
        archive.addLink(member.name, posix.join(posix.dirname(member.name), member.linkName));
      if (member.type === "hardlink") archive.addLink(member.name, member.linkName);
      if (member.type !== "file") continue;
      const promised = promisedDigest(member.name);
      const content = Readable.from(member.content, { objectMode: false });
      const onDigest = (digest: string): void => lease.add("blob", digest);
      const options = { maxBytes: maxMemberBytes, signal, onDigest };
      const { digest } = await context.blobs.ingest(promised, content, options);
      archive.addFile(member.name, digest);
    }
  } catch (error) {
    feed.cancel();
    const [fed] = await Promise.allSettled([feed.finished]);
    signal?.throwIfAborted();
    throw fed.status === "rejected" ? fed.reason : error;
  } finally {
    plain.destroy();
  }
  await feed.finished;
  return archive;
};
