import type { ContainerContext } from "./context.ts";
import { isActive } from "./state.ts";

interface ImageUse {
  running: string[];
  stopped: string[];
  mounting: string[];
}

/** Which containers use each image, and which mount it, by its id: one look at all containers. */
export const imageUses = ({ containers }: ContainerContext): Map<string, ImageUse> => {
  const uses = new Map<string, ImageUse>();
  const useOf = (imageId: string): ImageUse => {
    const use = uses.get(imageId) ?? { running: [], stopped: [], mounting: [] };
    uses.set(imageId, use);
    return use;
  };
  for (const { id, imageId, state, mounts } of containers.values()) {
    useOf(imageId)[isActive(state) ? "running" : "stopped"].push(id);
    for (const mounted of new Set(mounts.flatMap(({ image }) => image?.id ?? []))) useOf(mounted).mounting.push(id);
  }
  return uses;
};
