import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { Filters } from "../../base/filters.ts";
import type { Platform } from "../../oci/platform.ts";
import type {
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSummary,
} from "../../wire/engine/image.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { Database } from "../state/database.ts";
import { commitImage } from "./commit.ts";
import type { CommitInput } from "./commit.ts";
import type { Blobs, ImageContext, ImageUse, Layers, RegistryAccess } from "./context.ts";
import { chainIdsOf, platformOf } from "./document.ts";
import { inspectDistribution } from "./distribution.ts";
import type { DistributionInspect } from "./distribution.ts";
import { findImage, getImage } from "./find.ts";
import { imageHistory } from "./history.ts";
import { importFromUrl, importImage } from "./import/import.ts";
import type { ImportOptions } from "./import/import.ts";
import { imageSize, inspectImage } from "./inspect.ts";
import { listImages } from "./list.ts";
import type { ListOptions } from "./list.ts";
import { loadImages } from "./load/load.ts";
import type { LoadOptions } from "./load/load.ts";
import type { OnProgress } from "./progress.ts";
import { pruneImages } from "./prune.ts";
import type { ImagePruneReport } from "./prune.ts";
import { loginToRegistry } from "./login.ts";
import { pullImage } from "./pull/pull.ts";
import type { PullOptions } from "./pull/pull.ts";
import { LayerTransfers } from "./pull/transfers.ts";
import { pushImages } from "./push/push.ts";
import type { PushOptions } from "./push/push.ts";
import type { ImageRecord } from "./record.ts";
import type { RemovalOptions } from "./removal.ts";
import { removeImage } from "./remove.ts";
import { saveImages } from "./save/save.ts";
import { ImageStore } from "./store.ts";
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
  collect: () => Promise<unknown>;
  clock: Clock;
  driverName: string;
  engineVersion: string;
  registry: RegistryAccess;
}

/** Images: one method per verb of the API, each in a file of its own. */
export class ImageService {
  /** Set by the composition root once there are containers. */
  usedBy: (imageId: string) => ImageUse = () => ({ running: [], stopped: [], mounting: [] });
  readonly #context: ImageContext;

  constructor(options: ImageServiceOptions) {
    this.#context = {
      ...options,
      store: new ImageStore(options.database),
      transfers: new LayerTransfers(options.registry.maxDownloads ?? defaultMaxDownloads),
      usedBy: (imageId) => this.usedBy(imageId),
    };
  }

  /** By id, unique start of an id, name, name:tag or name@digest; undefined when there is none. */
  find(reference: string): Image | undefined {
    const record = findImage(this.#context.store, reference);
    return record === undefined ? undefined : this.#image(record);
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

  load(archive: Readable, options: LoadOptions, tell: OnProgress): Promise<void> {
    return loadImages(this.#context, archive, options, tell);
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

  inspect(name: string, options: { platform?: Platform | undefined } = {}): ImageInspect {
    return inspectImage(this.#context, name, options.platform);
  }

  history(name: string, options: { platform?: Platform | undefined } = {}): ImageHistoryResponseItem[] {
    return imageHistory(this.#context, name, options.platform);
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

  /** Asks a registry whether credentials are good. @throws EngineError unauthorized */
  login(auth: RegistryAuthConfig, signal?: AbortSignal): Promise<{ status: string; identityToken: string }> {
    return loginToRegistry(this.#context.registry, auth, signal);
  }

  /** Bytes of every layer, each counted once. */
  layersSize(): number {
    return this.#context.layers.all().reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  }

  /** Removes the content that nothing needs any more: a container that is gone was the last to need it. */
  async collect(): Promise<void> {
    await this.#context.collect();
  }

  /** What images need of the content: their documents and their layers. For the collector. */
  roots(): { blobs: string[]; layers: string[] } {
    const records = [...this.#context.store.all()];
    return {
      blobs: records.flatMap(({ id, manifests }) => [id, ...manifests]),
      layers: records.flatMap(({ chainId }) => (chainId === null ? [] : [chainId])),
    };
  }

  #image(record: Readonly<ImageRecord>): Image {
    const { tags, digests } = this.#context.store.namesOf(record.id);
    return Object.freeze({
      id: record.id,
      config: record.config,
      platform: platformOf(record.config),
      chainId: record.chainId,
      sizeBytes: imageSize(this.#context, chainIdsOf(record.config)),
      repoTags: tags.map((tag) => tag.familiar()),
      repoDigests: digests.map((digest) => digest.familiar()),
      created: record.config.created ?? null,
    });
  }
}
