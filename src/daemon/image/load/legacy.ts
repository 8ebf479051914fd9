import { invalidParameter, systemError } from "../../../base/errors.ts";
import { sha256 } from "../../../oci/digest.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { maxConfigBytes } from "../document.ts";
import type { ArchivedFile, ImageArchive } from "./archive.ts";
import type { ArchivedImage } from "./contents.ts";
import { configFromV1, historyFromV1, parseV1 } from "./v1-image.ts";
import type { V1Image } from "./v1-image.ts";

/** Most images of one archive. */
const imagesMax = 4096;
/** Most layers of one image, as Docker had it when these archives were made. */
const layersMax = 127;

/** An image of such an archive, with what the ones on top of it need. */
interface LegacyImage extends ArchivedImage {
  diffIds: string[];
  history: object[];
}

interface LegacyArchive {
  context: ImageContext;
  archive: ImageArchive;
  lease: ContentLease;
  readJson: (path: string) => Promise<unknown>;
}

/**
 * The images of an archive as Docker before 1.10 saved them: a directory for each, named by an id that means nothing
 * else, with `json` and `layer.tar`; `repositories` says their names. Their configurations are made here.
 *
 * @throws EngineError in Docker's words.
 *
 * **Source:** Docker image specification v1; what dockerd 28.5 makes of such archives.
 */
export const legacyImages = async (parts: LegacyArchive): Promise<ArchivedImage[]> => {
  const images = new Map<string, LegacyImage>();
  const below = parts.archive.names().filter((name) => name.includes("/"));
  const ids = [...new Set(below.map((name) => name.slice(0, name.indexOf("/"))))].sort();
  if (ids.length > imagesMax) throw invalidParameter(`archive has more than ${imagesMax} images`);
  for (const id of ids) await addImage(parts, images, id);
  const repositories = await parts.readJson("repositories");
  for (const [name, tags] of Object.entries(repositories ?? {}))
    for (const [tag, id] of Object.entries((tags ?? {}) as Record<string, unknown>)) {
      const image = images.get(String(id));
      if (image === undefined) throw systemError(`invalid target ID: ${String(id)}`);
      image.tags.push(`${name}:${tag}`);
    }
  return [...images.values()];
};

/** Adds an image and, before it, those that it was made on. */
const addImage = async (parts: LegacyArchive, images: Map<string, LegacyImage>, id: string): Promise<void> => {
  const row: { id: string; image: V1Image }[] = [];
  for (let next: string | undefined = id; next !== undefined && !images.has(next);) {
    if (row.some((above) => above.id === next)) throw invalidParameter(`image ${next} is its own parent`);
    const image = parseV1(await parts.readJson(`${next}/json`));
    row.push({ id: next, image });
    next = image.parent;
  }
  for (const { id: missing, image } of row.reverse()) {
    const parent = image.parent === undefined ? undefined : images.get(image.parent);
    images.set(missing, await makeImage(parts, parts.archive.get(`${missing}/layer.tar`), image, parent));
  }
};

const makeImage = async (
  { context, lease }: LegacyArchive,
  layer: ArchivedFile,
  image: V1Image,
  parent: LegacyImage | undefined,
): Promise<LegacyImage> => {
  const diffIds = [...(parent?.diffIds ?? []), await diffIdOf(layer)];
  if (diffIds.length > layersMax) throw systemError("max depth exceeded");
  const history = [...(parent?.history ?? []), historyFromV1(image)];
  const bytes = configFromV1(image, diffIds, history);
  const config = sha256(bytes);
  lease.add("blob", config);
  await context.blobs.ingest(config, bytes, { maxBytes: maxConfigBytes });
  const layers = [...(parent?.layers ?? []), layer];
  return { config, layers, tags: [], parent: parent?.config ?? null, manifests: [], untold: true, diffIds, history };
};

const diffIdOf = async (file: ArchivedFile): Promise<string> => {
  if (file.kind === "layer") return (await file.staged).diffId;
  if (file.kind === "known") return file.diffId;
  if (file.kind === "blob") return file.digest;
  throw systemError("invalid tar header");
};
