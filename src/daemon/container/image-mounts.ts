import type { Remap } from "../storage/remap/remap.ts";
import type { ContainerContext } from "./context.ts";
import type { WritableLayer } from "../content/writable-layers.ts";
import type { ContainerRecord, MountRecord } from "./record.ts";

// `--mount type=image`: each such mount has a layer of its own on top of the image's, which nothing writes to. The layer
// lives as long as the container, its mount as long as the container runs or is copied from.

type Mounts = Pick<ContainerRecord, "mounts">;

/** Takes the image of each mount that names one, as it is now. @throws EngineError not-found in Docker's words */
export const resolveImages = (context: ContainerContext, mounts: readonly MountRecord[], id: string): MountRecord[] =>
  mounts.map((mount, index) => {
    if (mount.Type !== "image") return mount;
    // One that came by --volumes-from keeps its image, whatever the name means by now.
    const image = mount.image ?? context.images.get(mount.Name ?? "");
    return { ...mount, image: { id: image.id, chainId: image.chainId, layer: `${id}-mount-${index}` } };
  });

/** Makes the layers of a new container's image mounts. @returns its mounts, with the place of each layer for inspect */
export const createImageLayers = (context: ContainerContext, mounts: readonly MountRecord[]): Promise<MountRecord[]> =>
  Promise.all(
    mounts.map(async (mount) => {
      if (mount.image === undefined) return mount;
      const { layer, chainId } = mount.image;
      await context.layers.writable.createForMount(layer, chainId);
      const Source = context.layers.writable.mount(layer);
      await context.layers.writable.unmount(layer);
      return { ...mount, Source };
    }),
  );

/**
 * Mounts the layers of a container's image mounts, where they are not. Inside its queue, as `unmountImages`.
 * @returns where each is, by its storage id
 */
export const mountImages = (
  context: ContainerContext,
  record: Mounts,
  remap: Remap | undefined,
): ReadonlyMap<string, string> =>
  new Map(imageLayers(record).map((layer) => [layer, context.layers.writable.mount(layer, remap)]));

/** The storage ids of the layers behind a container's image mounts. */
export const imageLayers = ({ mounts }: Mounts): string[] => mounts.flatMap(({ image }) => image?.layer ?? []);

/** The layers that a container can write to: its own, and those behind its image mounts. */
export const writableLayers = (record: Pick<ContainerRecord, "id" | "chainId" | "mounts">): WritableLayer[] => [
  { id: record.id, top: record.chainId, hasInit: true },
  ...record.mounts.flatMap(({ image }) =>
    image === undefined ? [] : [{ id: image.layer, top: image.chainId, hasInit: false }],
  ),
];

/** The chain ids that a container needs: its own image's and those of the images it mounts. */
export const neededLayers = ({ chainId, mounts }: Pick<ContainerRecord, "chainId" | "mounts">): string[] =>
  [chainId, ...mounts.map(({ image }) => image?.chainId)].flatMap((chain) => chain ?? []);

/** Lets go of what `mountImages` mounted; does nothing for what is not. */
export const unmountImages = async (context: ContainerContext, record: Mounts): Promise<void> => {
  await Promise.all(imageLayers(record).map((layer) => context.layers.writable.unmount(layer)));
};

/** Takes the layers off the disk, mounted or not. */
export const removeImageLayers = async (context: ContainerContext, record: Mounts): Promise<void> => {
  await Promise.all(imageLayers(record).map((layer) => context.layers.writable.remove(layer)));
};
