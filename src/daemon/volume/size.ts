import type { VolumeContext } from "./context.ts";

/** Bytes of all files below a directory, a file with several names counted once. Counted by a worker. */
export const sizeOf = ({ workers }: VolumeContext, path: string): Promise<number> => workers.run("usage", { path });
