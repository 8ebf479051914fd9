import type { Readable } from "node:stream";
import { rfc3339Nano } from "../../base/clock.ts";
import { EngineError, messageOf, notFound, systemError } from "../../base/errors.ts";
import type { ContainerConfig } from "../../wire/engine/container.ts";
import type { ImageConfig } from "../../wire/engine/image.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";
import { applyChanges } from "./change/apply.ts";
import { mergeConfig } from "./change/merge.ts";
import type { ImageContext } from "./context.ts";
import { createImage } from "./create.ts";
import { hostPlatform } from "../../oci/platform.ts";
import { parseTarget } from "./tag.ts";

const leaseMs = 24 * 60 * 60 * 1000;
/** The digest of an archive without members: a container that changed nothing adds no layer. */
const emptyLayer = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/** What a commit takes from a container. */
export interface CommitInput {
  /** The container's own config. */
  containerConfig: ContainerConfig;
  /** The config of the request; the container's when it has none. */
  config?: ContainerConfig | undefined;
  /** The image that the container was made from; null for none. */
  parentImageId: string | null;
  /** The container's changes as a layer. */
  diff: Readable;
  author: string;
  comment: string;
  /** Dockerfile instructions. */
  changes: readonly string[];
  repo: string;
  tag: string;
  signal?: AbortSignal | undefined;
}

const imageKeys = [
  "User",
  "ExposedPorts",
  "Env",
  "Cmd",
  "Healthcheck",
  "ArgsEscaped",
  "Volumes",
  "WorkingDir",
  "Entrypoint",
  "OnBuild",
  "Labels",
  "StopSignal",
  "Shell",
] as const;

/** The part of a container's config that an image can carry. */
const imageConfigOf = (config: ContainerConfig): ImageConfig =>
  Object.fromEntries(
    imageKeys.filter((key) => config[key] !== undefined && config[key] !== null).map((key) => [key, config[key]]),
  );

/**
 * Makes an image of what a container changed.
 *
 * @returns the image id
 * @throws EngineError invalid-parameter, not-found, system
 *
 * **Source:** Engine API, ImageCommit.
 */
export const commitImage = async (context: ImageContext, input: CommitInput): Promise<string> => {
  const { containerConfig, parentImageId, diff, author, comment, signal } = input;
  try {
    const reference = parseTarget(input.repo, input.tag);
    const own = imageConfigOf(containerConfig);
    const asked = input.config === undefined ? own : imageConfigOf(input.config);
    const config = mergeConfig(applyChanges(asked, input.changes), own);
    await using lease = context.leases.open("commit", leaseMs);
    const parent = parentImageId === null ? undefined : context.store.get(parentImageId);
    if (parentImageId !== null && parent === undefined) throw notFound(`No such image: ${parentImageId}`);
    if (parent?.chainId !== undefined && parent.chainId !== null) lease.add("layer", parent.chainId);
    const layer = await context.layers.register(parent?.chainId ?? null, diff, { lease, signal });
    const isEmpty = layer.diffId === emptyLayer;
    const created = rfc3339Nano(context.clock.nowNs());
    const step = {
      ...(author === "" ? {} : { author }),
      ...(comment === "" ? {} : { comment }),
      created,
      created_by: (containerConfig.Cmd ?? []).join(" "),
      ...(isEmpty ? { empty_layer: true } : {}),
    };
    const base: Partial<OciImageConfig> = parent?.config ?? {};
    const host = hostPlatform();
    return await createImage(
      context,
      {
        config: {
          architecture: base.architecture || host.architecture,
          ...(base.variant === undefined ? {} : { variant: base.variant }),
          ...(base["os.version"] === undefined ? {} : { "os.version": base["os.version"] }),
          ...(base["os.features"] === undefined ? {} : { "os.features": base["os.features"] }),
          ...(author === "" ? {} : { author }),
          config,
          created,
          docker_version: context.engineVersion,
          history: [...(base.history ?? []), step],
          os: base.os || host.os,
          rootfs: {
            type: "layers",
            diff_ids: [...(base.rootfs?.diff_ids ?? []), ...(isEmpty ? [] : [layer.diffId])],
          },
        },
        parent: parentImageId,
        reference,
        action: "create",
      },
      lease,
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw systemError(signal?.aborted ? "context canceled" : messageOf(error), error);
  } finally {
    diff.destroy();
    await context.collect();
  }
};
