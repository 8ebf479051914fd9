import type { Recipe } from "../../oci/archive/compress.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
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
  /** The image that is meant when nobody asks for a platform: of those here the one for this machine, else the first. */
  imageId: string;
  /**
   * The digest of what the name stands for in a registry, as it was pulled, loaded or pushed: of an index or of a
   * manifest. Null for an image that was made here and has never had a manifest.
   */
  target: string | null;
}

/** What is common to manifests and indexes: their key is their digest, their bytes are the blob of that digest. */
interface DocumentRecord {
  digest: string;
  mediaType: string;
  /** Bytes. */
  size: number;
}

/** A list of manifests. Those that are not here have no record of their own. */
export interface IndexRecord extends DocumentRecord {
  kind: "index";
  manifests: Descriptor[];
}

/** The manifest of an image that is here: its configuration is an `ImageRecord`, its layers are in the layer store. */
export interface ImageManifestRecord extends DocumentRecord {
  kind: "image";
  config: Descriptor;
  layers: Descriptor[];
}

/** A manifest of anything else, an attestation say: its configuration and its layers are blobs. */
export interface ArtifactRecord extends DocumentRecord {
  kind: "artifact";
  config: Descriptor;
  layers: Descriptor[];
}

/** A manifest or index that is here, and what it says. */
export type ManifestRecord = IndexRecord | ImageManifestRecord | ArtifactRecord;
