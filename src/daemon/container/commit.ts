import { conflict } from "../../base/errors.ts";
import type { ContainerConfig } from "../../wire/engine/container.ts";
import type { ContainerContext } from "./context.ts";
import { eventAttributes } from "./record.ts";
import { isPaused, isRunning } from "./state.ts";

export interface CommitOptions {
  container: string;
  repo: string;
  tag: string;
  comment: string;
  author: string;
  /** Freeze the processes while the layer is read. */
  pause: boolean;
  /** Dockerfile instructions. */
  changes: string[];
  /** Replaces the container's own configuration in the image. */
  config?: ContainerConfig | undefined;
}

/** Makes an image of a container's changes. @throws EngineError not-found, conflict, invalid-parameter */
export const commit = async (context: ContainerContext, options: CommitOptions): Promise<{ Id: string }> => {
  const { id } = context.containers.find(options.container);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    if (context.live.of(id).removing || record.state.status === "dead") {
      throw conflict(`You cannot commit container ${id} which is Dead`);
    }
    const task = context.live.of(id).task;
    const freeze = options.pause && task !== undefined && isRunning(record.state) && !isPaused(record.state);
    if (freeze) await task.pause();
    try {
      const imageId = await context.images.commit({
        containerConfig: record.config,
        config: options.config,
        parentImageId: record.imageId,
        diff: context.layers.writable.diff(id),
        author: options.author,
        comment: options.comment,
        changes: options.changes,
        repo: options.repo,
        tag: options.tag,
      });
      context.database.emit({
        Type: "container",
        Action: "commit",
        Actor: {
          ID: id,
          Attributes: {
            ...eventAttributes(record),
            comment: options.comment,
            imageID: imageId,
            imageRef: options.repo === "" ? "" : `${options.repo}:${options.tag || "latest"}`,
          },
        },
      });
      return { Id: imageId };
    } finally {
      if (freeze) await task.resume();
    }
  });
};
