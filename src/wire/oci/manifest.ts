// Image manifests and indexes as they are on the wire. Types only.
// Source: OCI image-spec, manifest.md and image-index.md; Docker image manifest version 2, schema 2.
import type { Descriptor } from "./descriptor.ts";

export interface ImageManifest {
  schemaVersion: 2;
  mediaType?: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

export interface ImageIndex {
  schemaVersion: 2;
  mediaType?: string;
  manifests: Descriptor[];
  annotations?: Record<string, string>;
}
