/**
 * The media types of images, manifests and layers.
 *
 * **Source:** OCI image-spec, media-types.md; Docker image manifest version 2, schema 2.
 */
export const mediaType = {
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerPluginConfig: "application/vnd.docker.plugin.v1+json",
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSignedSchema1: "application/vnd.docker.distribution.manifest.v1+prettyjws",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

export const isIndexType = (type: string): boolean =>
  type === mediaType.ociIndex || type === mediaType.dockerManifestList;

export const isManifestType = (type: string): boolean =>
  type === mediaType.ociManifest || type === mediaType.dockerManifest;

/** What a registry is asked for, in the order of preference. */
export const manifestAccept: readonly string[] = [
  mediaType.dockerManifest,
  mediaType.dockerManifestList,
  mediaType.ociManifest,
  mediaType.ociIndex,
];
