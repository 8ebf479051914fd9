import type { ContainerContext } from "./context.ts";
import { isActive } from "./state.ts";

/** Which containers use an image, by whether they run, and which mount it. Ids. */
export const imageUse = (
  { containers }: ContainerContext,
  imageId: string,
): { running: string[]; stopped: string[]; mounting: string[] } => {
  const users = [...containers.values()].filter((record) => record.imageId === imageId);
  return {
    running: users.filter(({ state }) => isActive(state)).map(({ id }) => id),
    stopped: users.filter(({ state }) => !isActive(state)).map(({ id }) => id),
    mounting: [...containers.values()]
      .filter(({ mounts }) => mounts.some(({ image }) => image?.id === imageId))
      .map(({ id }) => id),
  };
};
