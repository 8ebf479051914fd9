// Archives as Docker before 1.10 saved them.
import { layerOf } from "./image.ts";
import { tar } from "./raw-tar.ts";
import type { TarEntry } from "./raw-tar.ts";

/** Ids of v1 images: they mean nothing but themselves. */
export const legacyIds = { base: "a".repeat(64), top: "b".repeat(64) };

/** Two layers, the same in every archive. */
export const legacyLayers = [
  layerOf([{ name: "base", content: "1" }], "none"),
  layerOf([{ name: "top", content: "2" }], "none"),
];

/** An archive of two images, one on top of the other. @param more keys of both images' JSON */
export const legacyArchive = (
  more: { base?: object; top?: object } = {},
  repositories: object = { "old/two": { "1.0": legacyIds.top, base: legacyIds.base } },
): Buffer => {
  const images = [
    {
      id: legacyIds.base,
      created: "2015-01-01T00:00:00Z",
      container_config: { Cmd: ["/bin/sh", "-c", "#(nop) ADD x"] },
      config: { Cmd: ["sh", "-c", "a && b < c"], Env: ["X=<y>"], ExposedPorts: { "80/tcp": {} } },
      architecture: "amd64",
      os: "linux",
      ...more.base,
    },
    {
      id: legacyIds.top,
      parent: legacyIds.base,
      created: "2015-01-01T00:00:01.5Z",
      author: "me",
      comment: "why",
      config: { Cmd: ["sh"], Labels: { a: "b" } },
      architecture: "amd64",
      os: "linux",
      Size: 5,
      ...more.top,
    },
  ];
  const files: TarEntry[] = images.flatMap((image, index) => [
    { name: `${image.id}/`, type: "5" },
    { name: `${image.id}/VERSION`, content: "1.0" },
    { name: `${image.id}/json`, content: JSON.stringify(image) },
    { name: `${image.id}/layer.tar`, content: legacyLayers[index]?.tar ?? "" },
  ]);
  return tar([...files, { name: "repositories", content: JSON.stringify(repositories) }]);
};
