import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { SystemError } from "../../../linux/error.ts";
import { cloneTree, mountAttribute, setAttributes } from "../../../linux/mount/tree.ts";
import { openSubpath } from "../../volume/subpath.ts";
import type { Remap } from "../../storage/remap/remap.ts";
import type { Purpose, Trees, ViewAnswer } from "./view.ts";
import type { ViewMessage, ViewReply } from "./view-thread.ts";

/** Where a container's files are. */
export interface ContainerFiles {
  /** Its merged root, mounted while the files are used. */
  rootPath: string;
  readOnlyRoot: boolean;
  /** The root is seen through a mapping of owners. */
  remap?: Remap | undefined;
  /** Volumes and binds; tmpfs mounts belong to the running container and are not seen, as in Docker. */
  mounts: readonly FileMount[];
}

export interface FileMount {
  source: string;
  /** What of the source is mounted, never out of it; all of it when absent. */
  subpath?: string;
  destination: string;
  readOnly: boolean;
  /** Stored with the ids that containers see. */
  own?: boolean;
  /** With what is mounted below the source. */
  recursive?: boolean;
}

/** What a path in a container led to. Dispose it once the directory is not used any more. */
export interface View extends ViewAnswer, Disposable {}

/** The thread ends when it was not needed for so long. */
const idleMs = 20_000;

interface Waiting {
  resolve: (view: View) => void;
  reject: (error: Error) => void;
}

/**
 * Looks into containers, from a worker thread that is started when it is needed (25 ms; a view takes 2 ms with it).
 */
export class ContainerViews implements AsyncDisposable {
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout | undefined;
  #waiting: Waiting[] = [];
  #open = 0;

  /** @throws SystemError of the lookup. */
  async open(files: ContainerFiles, path: string, purpose: Purpose): Promise<View> {
    const trees = cloneTrees(files);
    return await new Promise<View>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#post({ request: { trees, path, purpose, owner: files.remap?.owner } });
    });
  }

  /** Views that are open keep their descriptors. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = null;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the engine is shutting down"));
    await worker?.terminate();
  }

  #post(message: ViewMessage): void {
    clearTimeout(this.#timer);
    this.#worker ??= this.#start();
    if (this.#waiting.length > 0) this.#worker.ref();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./view-thread.ts", import.meta.url), {
      name: "views",
      // Descriptors come from and go to the main thread.
      trackUnmanagedFds: false,
    });
    worker.on("message", (reply: ViewReply) => this.#settle(reply));
    worker.on("error", (error: Error) => this.#lose(worker, error));
    worker.on("exit", () => this.#lose(worker, new Error("the thread that looks into containers ended")));
    return worker;
  }

  #settle(reply: ViewReply): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#rest();
    if ("answer" in reply) waiting?.resolve(this.#view(reply.answer));
    else if ("errno" in reply) waiting?.reject(new SystemError(reply.errno, reply.syscall, reply.path));
    else waiting?.reject(new Error(reply.message));
  }

  #view(answer: ViewAnswer): View {
    const fds = [answer.directory, answer.namespace].filter((fd) => fd !== null);
    if (fds.length === 0) return { ...answer, [Symbol.dispose]: () => {} };
    this.#open++;
    const release = (): void => {
      if (fds.length === 0) return;
      this.#open--;
      this.#post({ release: fds.splice(0) });
      this.#rest();
    };
    return { ...answer, [Symbol.dispose]: release };
  }

  /** Nothing is asked: the thread keeps no process alive, and ends by and by. */
  #rest(): void {
    this.#worker?.unref();
    clearTimeout(this.#timer);
    if (this.#open > 0 || this.#waiting.length > 0) return;
    this.#timer = setTimeout(() => void this[Symbol.asyncDispose](), idleMs).unref();
  }

  #lose(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Copies of the mounts, with paths of the host resolved here, in the daemon's own namespace. */
const cloneTrees = ({ rootPath, remap, mounts }: ContainerFiles): Trees => {
  const made: number[] = [];
  const clone = (source: string, recursive = false, subpath?: string): number => {
    const found = subpath === undefined ? source : openSubpath(source, subpath);
    try {
      const tree = cloneTree(found, { recursive });
      made.push(tree);
      return tree;
    } finally {
      if (typeof found === "number") closeSync(found);
    }
  };
  try {
    const trees: Trees = { root: clone(rootPath), mounts: [] };
    for (const { source, subpath, destination, readOnly, recursive, own } of sorted(mounts)) {
      const tree = clone(source, recursive ?? false, subpath);
      if (own === true && remap !== undefined) setAttributes(tree, { userNamespace: remap.userNamespace });
      if (readOnly) setAttributes(tree, { set: mountAttribute.readOnly, recursive: recursive ?? false });
      trees.mounts.push({ tree, destination, readOnly });
    }
    return trees;
  } catch (error) {
    made.forEach((fd) => closeSync(fd));
    throw error;
  }
};

/** Parents before children: by the number of components. */
const sorted = (mounts: readonly FileMount[]): FileMount[] =>
  mounts.toSorted((a, b) => depthOf(a.destination) - depthOf(b.destination));
const depthOf = (path: string): number => path.split("/").filter(Boolean).length;
