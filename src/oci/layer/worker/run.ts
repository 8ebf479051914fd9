import { closeSync, openSync, rmSync } from "node:fs";
import { syncfs } from "../../../linux/file/data.ts";
import { rootOwner } from "../../../linux/namespace/id-mapping.ts";
import { withFileOwner } from "../../../linux/process/file-owner.ts";
import { openDirectory, pathOf } from "../../../linux/file/open.ts";
import { overlayChanges } from "../changes/overlay.ts";
import { treeChanges } from "../changes/trees.ts";
import { HashedBlocks } from "../digest/blocks.ts";
import { withinSpace } from "../extract/space.ts";
import { rebuildTar } from "../journal/rebuild.ts";
import { packChanges } from "../pack/changes.ts";
import { TarPacker } from "../pack/pack.ts";
import { byteString } from "../tar/entry.ts";
import { fromDescriptor } from "../tar/source.ts";
import { extractArchive, unpackLayer } from "../unpack.ts";
import { diskUseOf } from "./disk.ts";
import type { JobKind, JobMessage, Jobs, Target } from "./job.ts";
import { assembleParts } from "./assemble.ts";
import { Output } from "./output.ts";
import { changedBytes, usageOf } from "./usage.ts";

type Work = { [K in JobKind]: (job: Jobs[K]["job"]) => Jobs[K]["result"] };

const work: Work = {
  unpack: ({ input, place, options, port, blocks }) =>
    closing([input], () => {
      try {
        const fill = withinSpace(fromDescriptor(input), place.root);
        return unpackLayer(fill, new HashedBlocks(port, blocks), place, options);
      } finally {
        port.close();
      }
    }),
  rebuild: ({ place, ...target }) => writing(target, (out) => rebuildTar(place, out)),
  assemble: ({ parts, ...target }) => writing(target, (out) => assembleParts(parts, out)),
  extract: ({ input, root, options }) =>
    closing([input], () => {
      // What is made there is made in the name of the container's root: the thread's own has no id in it.
      const owner = options.mapping === undefined ? undefined : rootOwner(options.mapping);
      return withFileOwner(owner, () =>
        extractArchive(withinSpace(fromDescriptor(input), pathOf(root)), root, options),
      );
    }),
  pack: ({ root, only, options, ...target }) =>
    closing([root], () =>
      writing(target, (out) => {
        const packer = new TarPacker(out, options);
        if (only === undefined) packer.addContents(root, "");
        else packer.add(root, byteString(only.name), byteString(only.as));
        packer.end();
      }),
    ),
  packChanges: ({ root, parent, tree, ...target }) =>
    writing(target, (out) => {
      const packer = new TarPacker(out);
      const directory = openDirectory(root);
      closing([directory], () => packChanges(packer, directory, treeChanges(parent, root, tree, true)));
      packer.end();
    }),
  changes: (job) => ("upper" in job ? overlayChanges(job.upper, job.lower) : treeChanges(job.old, job.young, job.tree)),
  sync: ({ path }) => {
    const directory = openSync(path, "r");
    return closing([directory], () => {
      syncfs(directory);
      return null;
    });
  },
  remove: ({ paths }) => {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
    return null;
  },
  usage: ({ path, old, tree = "copy" }) =>
    old === undefined || old === null ? usageOf(path) : changedBytes(old, path, tree),
  disk: ({ units }) => diskUseOf(units),
};

/** Does one job, on the calling thread. */
export const runJob = (message: JobMessage): unknown => {
  const { kind, ...job } = message;
  return (work[kind] as (job: unknown) => unknown)(job);
};

const closing = <T>(descriptors: number[], run: () => T): T => {
  try {
    return run();
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
};

const writing = (target: Target, run: (out: Output) => void): null =>
  closing([target.output], () => {
    const out = new Output(target.output, target);
    run(out);
    out.flush();
    return null;
  });
