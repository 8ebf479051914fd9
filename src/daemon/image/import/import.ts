import { Readable } from "node:stream";
import { rfc3339Nano } from "../../../base/clock.ts";
import { EngineError, invalidParameter, messageOf, systemError } from "../../../base/errors.ts";
import { TarError } from "../../../oci/layer/tar/error.ts";
import { hostPlatform } from "../../../oci/platform.ts";
import type { Platform } from "../../../oci/platform.ts";
import { applyChanges } from "../change/apply.ts";
import type { ImageContext } from "../context.ts";
import { createImage } from "../create.ts";
import type { OnProgress } from "../progress.ts";
import { parseTarget } from "../tag.ts";
import { fetchArchive, withBars } from "./fetch.ts";

const leaseMs = 24 * 60 * 60 * 1000;

export interface ImportOptions {
  /** The name to give; none when `repo` is "". */
  repo: string;
  tag: string;
  message: string;
  /** Dockerfile instructions. */
  changes: readonly string[];
  platform?: Platform | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The same with an archive that a web server has.
 *
 * @throws EngineError as `fetchArchive` and `importImage`; not-found, for one, before the first word is told.
 */
export const importFromUrl = async (
  context: ImageContext,
  source: string,
  options: ImportOptions,
  tell: OnProgress,
): Promise<string> => {
  const fetched = await fetchArchive(source, options.signal);
  tell({ status: `Downloading from ${fetched.url}` });
  const content = Readable.from(withBars(fetched, tell), { objectMode: false });
  try {
    return await importImage(context, content, options, tell);
  } finally {
    fetched.stream.destroy();
  }
};

/**
 * Makes an image of one layer from an archive of a file system, compressed or not.
 *
 * @returns the image id
 * @throws EngineError invalid-parameter, system
 *
 * **Source:** Engine API, ImageCreate with `fromSrc`.
 */
export const importImage = async (
  context: ImageContext,
  source: Readable,
  options: ImportOptions,
  tell: OnProgress,
): Promise<string> => {
  const { signal, message } = options;
  const platform = options.platform ?? hostPlatform();
  try {
    const reference = parseTarget(options.repo, options.tag);
    if (platform.os !== "linux") throw invalidParameter("operating system is not supported");
    const config = applyChanges({}, options.changes);
    await using lease = context.leases.open("import", leaseMs);
    const layer = await context.layers.register(null, source, { lease, signal });
    const created = rfc3339Nano(context.clock.nowNs());
    const id = await createImage(
      context,
      {
        config: {
          architecture: platform.architecture,
          ...(platform.variant === undefined ? {} : { variant: platform.variant }),
          comment: message,
          config,
          created,
          docker_version: context.engineVersion,
          history: [{ created, comment: message }],
          os: platform.os,
          rootfs: { type: "layers", diff_ids: [layer.diffId] },
        },
        parent: null,
        reference,
        action: "import",
      },
      lease,
    );
    tell({ status: id });
    return id;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if (signal?.aborted) throw systemError("context canceled", error);
    const isMalformed = error instanceof TarError && !error.truncated && error.cause === undefined;
    throw systemError(isMalformed ? `archive/tar: ${error.message}` : messageOf(error), error);
  } finally {
    source.destroy();
    await context.collect();
  }
};
