import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { Slots } from "../../base/slots.ts";
import type { Filters } from "../../base/filters.ts";
import type { Platform } from "../../oci/platform.ts";
import type {
  AttestationStatement,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSummary,
} from "../../wire/engine/image.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { Compressors } from "../../oci/archive/compress.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";
import type { SearchResult } from "../../wire/registry/search.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { Database } from "../state/database.ts";
import { adoptDocuments } from "./adopt.ts";
import { imageAttestations } from "./attestations.ts";
import type { AttestationOptions } from "./attestations.ts";
import { commitImage } from "./commit.ts";
import type { CommitInput } from "./commit.ts";
import type { Blobs, ImageContext, ImageUse, Layers, RegistryAccess } from "./context.ts";
import { platformOf } from "./document.ts";
import { inspectDistribution } from "./distribution.ts";
import type { DistributionInspect } from "./distribution.ts";
import { findImage, getImage, idsOf } from "./find.ts";
import { imageHistory } from "./history.ts";
import { importFromUrl, importImage } from "./import/import.ts";
import type { ImportOptions } from "./import/import.ts";
import { imageSize, inspectImage } from "./inspect.ts";
import type { InspectOptions } from "./inspect.ts";
import { listImages } from "./list.ts";
import type { ListOptions } from "./list.ts";
import { loadImages } from "./load/load.ts";
import type { LoadOptions } from "./load/load.ts";
import type { OnProgress } from "./progress.ts";
import { manifestOfImage } from "./platforms.ts";
import { pruneImages } from "./prune.ts";
import type { ImagePruneReport } from "./prune.ts";
import { loginToRegistry } from "./login.ts";
import { pullImage } from "./pull/pull.ts";
import type { PullOptions } from "./pull/pull.ts";
import { LayerTransfers } from "./pull/transfers.ts";
import { maxUploadsDefault } from "./push/layers.ts";
import { pushImages } from "./push/push.ts";
import type { PushOptions } from "./push/push.ts";
import type { ImageRecord } from "./record.ts";
import type { RemovalOptions } from "./removal.ts";
import { removeImage } from "./remove.ts";
import { saveImages } from "./save/save.ts";
import { searchImages } from "./search.ts";
import type { SearchOptions } from "./search.ts";
import { ImageStore } from "./store.ts";
import { blobsOf, forgetManifests } from "./sweep.ts";
import { tagImage } from "./tag.ts";

/** An image as the other rooms see it. Frozen: what a reader holds stays as it was. */
export interface Image {
  /** The digest of the configuration's bytes. */
  id: string;
  config: OciImageConfig;
  /** What the configuration says, this machine's where it says nothing. */
  platform: Platform;
  /** The chain id of the top layer; null for an image without layers. */
  chainId: string | null;
  /** Bytes of all layers' files. */
  sizeBytes: number;
  repoTags: string[];
  repoDigests: string[];
  /** RFC 3339; null when the configuration does not say. */
  created: string | null;
}

/** As dockerd's. */
const defaultMaxDownloads = 3;

export interface ImageServiceOptions {
  database: Database;
  blobs: Blobs;
  layers: Layers;
  leases: ImageContext["leases"];
  collect: () => Promise<{ bytes: number }>;
  clock: Clock;
  driverName: string;
  engineVersion: string;
  registry: RegistryAccess;
  /** Keep the compressed bytes that layers come as. */
  keepLayerBlobs?: boolean;
  /** The host's when absent. */
  compressors?: Compressors;
}

/** Images: one method per verb of the API, each in a file of its own. */
export class ImageService {
  /** Every image that is used, by its id. Set by the composition root once there are containers. */
  users: () => ReadonlyMap<string, ImageUse> = () => new Map();
  readonly #context: ImageContext;

  constructor(options: ImageServiceOptions) {
    const store = new ImageStore(options.database);
    this.#context = {
      ...options,
      keepLayerBlobs: options.keepLayerBlobs === true,
      compressors: options.compressors ?? new Compressors(),
      uploads: new Slots(options.registry.maxUploads ?? maxUploadsDefault),
      store,
      collect: () => {
        forgetManifests(options.database, store);
        return options.collect();
      },
      transfers: new LayerTransfers(options.registry.maxDownloads ?? defaultMaxDownloads),
      users: () => this.users(),
    };
  }

  /** Reads the manifests that an earlier version kept unread. To be called once, before anything is asked. */
  restore(): Promise<void> {
    return adoptDocuments(this.#context);
  }

  /** By id, unique start of an id, name, name:tag or name@digest; undefined when there is none. */
  find(reference: string): Image | undefined {
    const record = findImage(this.#context.store, reference);
    return record === undefined ? undefined : this.#image(record);
  }

  /** The ids of the images that a name leads to, for all platforms; none when there is no such name. */
  idsOf(reference: string): string[] {
    return idsOf(this.#context.store, reference);
  }

  /** Whether a name leads to an image, for some platform. */
  isNamed(reference: string, id: string): boolean {
    return idsOf(this.#context.store, reference).includes(id);
  }

  /** The manifest of an image by its id; undefined when none is known. */
  manifestOf(id: string): Descriptor | undefined {
    const record = this.#context.store.get(id);
    return record === undefined ? undefined : manifestOfImage(this.#context.store, record);
  }

  /** @throws EngineError not-found `No such image: x:latest`; invalid-parameter */
  get(reference: string, platform?: Platform): Image {
    return this.#image(getImage(this.#context.store, reference, platform));
  }

  pull(reference: string, options: PullOptions, tell: OnProgress): Promise<void> {
    return pullImage(this.#context, reference, options, tell);
  }

  /** All tags when neither `reference` nor `options.tag` says one. */
  push(reference: string, options: PushOptions & { tag?: string }, tell: OnProgress): Promise<void> {
    const name = options.tag === undefined || options.tag === "" ? reference : `${reference}:${options.tag}`;
    return pushImages(this.#context, name, options, tell);
  }

  async load(archive: Readable, options: LoadOptions, tell: OnProgress): Promise<void> {
    await loadImages(this.#context, archive, options, tell);
    await adoptDocuments(this.#context);
  }

  save(names: readonly string[], options: { platform?: Platform | undefined } = {}): Readable {
    return saveImages(this.#context, names, options.platform);
  }

  /** @param source an archive, or where a web server has it */
  import(source: Readable | string, options: ImportOptions, tell: OnProgress): Promise<string> {
    if (typeof source === "string") return importFromUrl(this.#context, source, options, tell);
    return importImage(this.#context, source, options, tell);
  }

  commit(input: CommitInput): Promise<string> {
    return commitImage(this.#context, input);
  }

  tag(source: string, repo: string, tag: string): void {
    tagImage(this.#context, source, repo, tag);
  }

  list(options?: ListOptions): ImageSummary[] {
    return listImages(this.#context, options);
  }

  inspect(name: string, options: InspectOptions = {}): ImageInspect {
    return inspectImage(this.#context, name, options);
  }

  history(name: string, options: { platform?: Platform | undefined } = {}): ImageHistoryResponseItem[] {
    return imageHistory(this.#context, name, options.platform);
  }

  /** The in-toto statements that are attached to an image. */
  attestations(name: string, options?: AttestationOptions): Promise<AttestationStatement[]> {
    return imageAttestations(this.#context, name, options);
  }

  remove(
    name: string,
    options: RemovalOptions & { platforms?: readonly Platform[] },
  ): Promise<ImageDeleteResponseItem[]> {
    return removeImage(this.#context, name, options);
  }

  prune(filters?: Filters): Promise<ImagePruneReport> {
    return pruneImages(this.#context, filters);
  }

  /** What a registry holds under a name, without pulling it. */
  distribution(name: string, auth?: RegistryAuthConfig, signal?: AbortSignal): Promise<DistributionInspect> {
    return inspectDistribution(this.#context, name, auth, signal);
  }

  /** Looks for repositories in a registry's index or catalog. */
  search(term: string, options: SearchOptions = {}): Promise<SearchResult[]> {
    return searchImages(this.#context.registry, term, options);
  }

  /** Asks a registry whether credentials are good. @throws EngineError unauthorized */
  login(auth: RegistryAuthConfig, signal?: AbortSignal): Promise<{ status: string; identityToken: string }> {
    return loginToRegistry(this.#context.registry, auth, signal);
  }

  /** Every image with its names and the chain ids of its layers, for the account of the disk. */
  layersOfAll(): { id: string; names: string[]; layers: string[] }[] {
    const { store } = this.#context;
    return [...store.all()].map((record) => ({
      id: record.id,
      names: store.namesOf(record.id).tags.map((tag) => tag.familiar()),
      layers: [...store.chainOf(record)],
    }));
  }

  /** Removes the content that nothing needs any more: a container that is gone was the last to need it. */
  async collect(): Promise<void> {
    await this.#context.collect();
  }

  /** What images need of the content: their documents and their layers. For the collector. */
  roots(): { blobs: string[]; layers: string[] } {
    const { store } = this.#context;
    const records = [...store.all()];
    return {
      blobs: [
        ...records.flatMap((record) => [record.id, ...record.manifests, ...this.#kept(record.blobs)]),
        ...[...store.manifests()].flatMap((manifest) => [manifest.digest, ...blobsOf(manifest)]),
      ],
      layers: records.flatMap(({ chainId }) => (chainId === null ? [] : [chainId])),
    };
  }

  /** Bytes of the compressed layers that are kept, each counted once. */
  keptBlobsSize(): number {
    const { store, blobs } = this.#context;
    const digests = new Set([...store.all()].flatMap((record) => this.#kept(record.blobs)));
    return [...digests].reduce((sum, digest) => sum + (blobs.has(digest) ? blobs.size(digest) : 0), 0);
  }

  #kept(blobs: ImageRecord["blobs"]): string[] {
    const all = this.#context.keepLayerBlobs;
    return blobs.flatMap((blob) => (blob !== null && (all || blob.kept === true) ? [blob.digest] : []));
  }

  #image(record: Readonly<ImageRecord>): Image {
    const { tags, digests } = this.#context.store.namesOf(record.id);
    return Object.freeze({
      id: record.id,
      config: record.config,
      platform: platformOf(record.config),
      chainId: record.chainId,
      sizeBytes: imageSize(this.#context, this.#context.store.chainOf(record)),
      repoTags: tags.map((tag) => tag.familiar()),
      repoDigests: digests.map((digest) => digest.familiar()),
      created: record.config.created ?? null,
    });
  }
}
