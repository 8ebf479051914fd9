import { posix } from "node:path";
import { Readable } from "node:stream";
import { shortId } from "../../../base/ids.ts";
import { detectCompression } from "../../../oci/archive/format.ts";
import { readMembers } from "../../../oci/archive/members.ts";
import type { Member } from "../../../oci/archive/members.ts";
import { ContentMismatch } from "../../../oci/blob/verify.ts";
import { peek } from "../../../oci/archive/peek.ts";
import { isDigest } from "../../../oci/digest.ts";
import { blockBytes } from "../../../oci/layer/tar/entry.ts";
import { checkSpace, lookEveryBytes } from "../../../oci/layer/extract/space.ts";
import { documentBytesMax } from "../../../oci/blob/store.ts";
import { decodeHeader, isZero } from "../../../oci/layer/tar/header.ts";
import type { ContentLease, ImageContext, StagedLayer } from "../context.ts";
import { barsOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import { ImageArchive, normalName } from "./archive.ts";
import type { ArchivedFile } from "./archive.ts";
import { withPlain } from "./plain.ts";

/** The largest member of an archive of images. */
const memberBytesMax = 512 * 1024 * 1024 * 1024;
/** Most layers that are unpacked ahead of knowing their images; further ones wait as blobs. */
const stagedMax = 4096;
/** Most layers that are being unpacked at a time: the last bytes of one, and the next. */
const stagingMax = 2;
/** How long unpacking may take before it is shown, when it is not known yet whether the layer is a new one. */
const untoldMs = 1000;

export interface IntakeOptions {
  lease: ContentLease;
  signal: AbortSignal | undefined;
  tell: OnProgress;
}

/** Reads an archive of images, so that each byte of a layer is written once, to where it stays. */
export class Intake implements AsyncDisposable {
  readonly archive = new ImageArchive();
  readonly #context: ImageContext;
  readonly #options: IntakeOptions;
  /** Everything that was unpacked, adopted or not. */
  readonly #staged = new Set<Extract<ArchivedFile, { kind: "layer" }>>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #known = new Map<string, string>();

  constructor(context: ImageContext, options: IntakeOptions) {
    this.#context = context;
    this.#options = options;
    for (const { diffId, chainId } of context.layers.all()) this.#known.set(diffId, chainId);
  }

  /**
   * Takes all members in, however the archive is compressed. Nothing is written below a name of the archive's choosing.
   *
   * @throws TarError or CompressionError when the archive is damaged; what the source failed with.
   */
  async read(source: Readable): Promise<void> {
    const { signal } = this.#options;
    await withPlain(source, signal, async (plain) => {
      for await (const member of readMembers(plain)) {
        signal?.throwIfAborted();
        if (member.type === "other") continue;
        if (member.type !== "file") this.#link(member);
        else await this.#replace(this.archive.addFile(member.name, await this.#take(member)));
      }
    });
    await Promise.all(this.#running);
  }

  /** Throws away what no image has adopted. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#staged) await this.#discard(file);
  }

  #link({ type, name, linkName }: Member): void {
    const target = type === "hardlink" ? linkName : posix.join(posix.dirname(name), linkName);
    void this.#replace(this.archive.addLink(name, target));
  }

  async #replace(before: ArchivedFile | undefined): Promise<void> {
    if (before?.kind === "layer") await this.#discard(before);
  }

  async #discard(file: Extract<ArchivedFile, { kind: "layer" }>): Promise<void> {
    this.#staged.delete(file);
    const staged = await file.staged.catch(() => null);
    if (staged !== null && file.chainId === null) await this.#context.layers.unstage(staged);
  }

  async #take(member: Member): Promise<ArchivedFile> {
    const promised = promisedDigest(member.name);
    const diffId = diffIdIn(member.name);
    const chainId = diffId === null ? undefined : this.#known.get(diffId);
    // It may have been removed since the load began; once the lease has it, it stays.
    if (diffId !== null && chainId !== undefined && this.#context.layers.get(chainId) !== undefined) {
      this.#options.lease.add("layer", chainId);
      return { kind: "known", diffId, chainId };
    }
    const { start, all } = await peek(member.content, blockBytes);
    const content = Readable.from(all, { objectMode: false });
    const canStage = this.#context.layers.canStage && this.#staged.size < stagedMax;
    // What is no layer is a document, and none is that large: it is passed over, not kept.
    if (!isLayer(start) && member.sizeBytes > documentBytesMax)
      return { kind: "too-large", sizeBytes: member.sizeBytes };
    const isKept = this.#context.keepLayerBlobs && promised !== null && detectCompression(start) !== "identity";
    if (!canStage || isKept || !isLayer(start)) return this.#store(content, promised);
    return this.#stage(member, content, { promised, isPlain: detectCompression(start) === "identity" });
  }

  async #store(content: Readable, promised: string | null): Promise<ArchivedFile> {
    const { lease, signal } = this.#options;
    const onDigest = (digest: string): void => lease.add("blob", digest);
    const { blobs } = this.#context;
    const source = Readable.from(withinSpace(content, blobs.root), { objectMode: false });
    const { digest } = await blobs.ingest(promised, source, { maxBytes: memberBytesMax, signal, onDigest });
    return { kind: "blob", digest };
  }

  async #stage(
    member: Member,
    content: Readable,
    { promised, isPlain }: { promised: string | null; isPlain: boolean },
  ): Promise<ArchivedFile> {
    const { signal, tell } = this.#options;
    // The digest of what is not compressed is the layer's own, which unpacking computes.
    const isDiffId = isPlain && promised?.startsWith("sha256:") === true;
    if (this.#running.size >= stagingMax) await Promise.race(this.#running);
    const named = diffIdIn(member.name);
    let isTold = named !== null;
    // A name may not say which layer it is: one that is here already is not told of. What takes long is shown all the same.
    const told: OnProgress = isTold ? tell : afterAWhile(tell, () => (isTold = true));
    const bars = barsOf(shortId(named ?? normalName(member.name)), "Loading layer", member.sizeBytes, told);
    const consumed = new Promise<void>((resolve) => content.once("close", () => resolve()));
    const staging = this.#context.layers.stage(content, {
      signal,
      onProgress: bars.onProgress,
      ...(promised === null || isDiffId ? {} : { blob: { digest: promised } }),
    });
    const staged = isDiffId ? staging.then((layer) => this.#checked(layer, promised)) : staging;
    const untoldBytes = (): number | null => (isTold ? null : member.sizeBytes);
    const file: ArchivedFile = { kind: "layer", staged, chainId: null, untoldBytes };
    this.#staged.add(file);
    // Why it failed is for who wants the layer: the archive may hold what only looks like one.
    const ended: Promise<void> = staged
      .then(
        () => bars.end(),
        () => undefined,
      )
      .finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    // The next member comes behind the last byte of this one.
    await consumed;
    return file;
  }

  async #checked(layer: StagedLayer, expected: string): Promise<StagedLayer> {
    if (layer.diffId === expected) return layer;
    await this.#context.layers.unstage(layer);
    throw new ContentMismatch(`content has the digest ${layer.diffId} instead of the expected ${expected}`);
  }
}

/** Content, up to where the filesystem of `path` would be full. @throws TarError instead of handing out more */
async function* withinSpace(content: Readable, path: string): AsyncGenerator<Buffer> {
  let untilLook = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    if (untilLook <= 0) {
      checkSpace(path);
      untilLook = lookEveryBytes;
    }
    untilLook -= chunk.length;
    yield chunk;
  }
}

/** What a name promises of its content: `blobs/sha256/<hex>` is a digest. */
const promisedDigest = (name: string): string | null => {
  const found = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(normalName(name));
  const digest = `${found?.[1]}:${found?.[2]}`;
  return found !== null && isDigest(digest) ? digest : null;
};

/**
 * The digest that a layer's name says: `blobs/sha256/<hex>`, `<hex>.tar`, `<hex>/layer.tar`. A name that lies makes no
 * other layer of it: an image gets the layer that its configuration names, or none.
 */
const diffIdIn = (name: string): string | null => {
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.tar|\/layer\.tar)?$/.exec(normalName(name))?.[1];
  return hex === undefined ? null : `sha256:${hex}`;
};

/** Says nothing until some time has passed. @param onFirst hears when something is said after all */
const afterAWhile = (tell: OnProgress, onFirst: () => void): OnProgress => {
  const from = performance.now() + untoldMs;
  return (message) => {
    if (performance.now() < from) return;
    onFirst();
    tell(message);
  };
};

/** Whether content begins as an archive does, compressed or not. No document does. */
const isLayer = (start: Buffer): boolean => {
  if (detectCompression(start) !== "identity") return true;
  if (start.length < blockBytes) return false;
  const block = start.subarray(0, blockBytes);
  if (isZero(block)) return true;
  try {
    decodeHeader(block);
    return true;
  } catch {
    return false;
  }
};
