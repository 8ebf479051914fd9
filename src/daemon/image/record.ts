import type { Recipe } from "../../oci/archive/compress.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";

/** What the database keeps of an image; its key is the image id, the digest of the configuration's bytes. */
export interface ImageRecord {
  id: string;
  /** The configuration's meaning; its bytes are the blob `id`. */
  config: OciImageConfig;
  /** The chain id of the top layer; null for an image without layers. */
  chainId: string | null;
  /** The image that this one was built or committed on here; null for pulled and loaded ones. */
  parent: string | null;
  /** RFC 3339 with nanoseconds; null when it was never tagged by hand. */
  lastTagTime: string | null;
  /** Manifests and indexes that led here, kept byte for byte. */
  manifests: string[];
  /** The layers as a registry holds them, bottom first; null when that is not known or not checked. */
  blobs: (LayerBlob | null)[];
}

/** A layer's compressed form, known to unpack to the layer. */
export interface LayerBlob {
  digest: string;
  size: number;
  mediaType: string;
  /** Where it was seen, `domain/path`. */
  repositories: string[];
  /** What makes exactly these bytes of the layer's archive; there when we compressed it ourselves. */
  recipe?: Recipe;
  /** Its bytes are kept, because they cannot be had again. */
  kept?: true;
}

/** A name for an image; its key is the whole reference, `docker.io/library/busybox:latest` or `…@sha256:…`. */
export interface ReferenceRecord {
  imageId: string;
}
