import { shortId } from "../../base/ids.ts";
import type { ImageManifestSummary, ImageSummary } from "../../wire/engine/image.ts";
import { humanSize } from "../format/size.ts";
import { table } from "../format/table.ts";

const platformText = ({ ImageData }: ImageManifestSummary): string => {
  const { os = "", architecture = "", variant } = ImageData?.Platform ?? {};
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
};

const childRow = (one: ImageManifestSummary, isLast: boolean): string[] => [
  `${isLast ? "└─" : "├─"} ${platformText(one)}`,
  shortId(one.ID ?? ""),
  humanSize(one.Size?.Total ?? 0),
  humanSize(one.Size?.Content ?? 0),
  [one.Available === true ? "" : "not here", (one.ImageData?.Containers ?? []).length > 0 ? "in use" : ""]
    .filter((word) => word !== "")
    .join(", "),
];

/** Images with the platforms of their names below them; those that are not on this machine are told too. */
export const imageTree = (list: readonly ImageSummary[]): string => {
  const rows = list.flatMap((image) => {
    const children = (image.Manifests ?? []).filter(({ Kind }) => Kind === "image");
    const names = image.RepoTags?.length ? image.RepoTags : ["<untagged>"];
    const content = children.reduce((sum, { Size }) => sum + (Size?.Content ?? 0), 0);
    return [
      ...names.map((name, i) =>
        i < names.length - 1
          ? [name, "", "", "", ""]
          : [
              name,
              shortId(image.Id ?? ""),
              humanSize(image.Size ?? 0),
              humanSize(content),
              (image.Containers ?? 0) > 0 ? "in use" : "",
            ],
      ),
      ...children.map((child, i) => childRow(child, i === children.length - 1)),
    ];
  });
  const text = table([["IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"], ...rows]);
  return text.replace(/ +$/gm, "");
};
