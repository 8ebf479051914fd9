// Content descriptors as they are on the wire. Types only.
// Source: OCI image-spec, descriptor.md.

export interface Descriptor {
  mediaType: string;
  /** `sha256:<64 hex>`. */
  digest: string;
  /** Bytes. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  platform?: DescriptorPlatform;
  artifactType?: string;
}

export interface DescriptorPlatform {
  architecture: string;
  os: string;
  variant?: string;
  "os.version"?: string;
  "os.features"?: string[];
}
