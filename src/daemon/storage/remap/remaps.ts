import { createHash } from "node:crypto";
import { chmodSync, chownSync, closeSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { umount } from "../../../linux/mount/mount.ts";
import { mountTable } from "../../../linux/mount/table.ts";
import { attachTree, cloneTree } from "../../../linux/mount/tree.ts";
import { type IdMapping, mapText, rootOwner } from "../../../linux/namespace/id-mapping.ts";
import { createNetworkIn, createUserNamespace, type UserNamespace } from "../../../linux/namespace/user.ts";
import { idmap } from "./idmap.ts";
import { type Remap, rootsName } from "./remap.ts";

export interface RemapsOptions {
  /** `<exec root>/userns`. */
  folder: string;
  /** The program that makes user namespaces: `berth-shim`, absolute. */
  helper: string;
  /** The storage driver's. */
  layersRoot: string | null;
}

const keyLength = 12;
const layersName = "layers";

/**
 * The mappings of owners in use: the configured one, and those that running containers of an earlier configuration have.
 * What containers write is stored with the ids that they themselves see; all of this only shows it otherwise.
 */
export class Remaps implements Disposable {
  readonly #options: RemapsOptions;
  readonly #open = new Map<string, Promise<Remap>>();
  readonly #opened = new Map<string, Remap>();
  readonly #release = new DisposableStack();
  /** What new containers get; null: nothing is remapped. */
  current: Remap | null = null;

  constructor(options: RemapsOptions) {
    this.#options = options;
    this.#clear();
  }

  /** Makes a mapping usable. @throws EngineError system when this kernel or filesystem cannot do it */
  open(mapping: IdMapping): Promise<Remap> {
    const key = keyOf(mapping);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#make(key, mapping);
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  /** One that was opened before. */
  find(mapping: IdMapping): Remap {
    const found = this.#opened.get(keyOf(mapping));
    if (found === undefined) throw systemError("the mapping of a container's owners is not open");
    return found;
  }

  /**
   * Makes the namespaces of a container: a user namespace of its own, or `join`, an open one of another container's, and a
   * network namespace that belongs to it.
   * @throws EngineError system
   */
  async createNamespaces({ mapping }: Remap, join?: number): Promise<UserNamespace> {
    const { helper } = this.#options;
    try {
      return await (join === undefined
        ? createUserNamespace({ helper, mapping, network: true })
        : createNetworkIn({ helper, join }));
    } catch (error) {
      throw systemError(`cannot create a user namespace: ${messageOf(error)}`, error);
    }
  }

  /** What is mounted for running containers stays. */
  [Symbol.dispose](): void {
    this.#release.dispose();
  }

  async #make(key: string, mapping: IdMapping): Promise<Remap> {
    const { folder, helper, layersRoot } = this.#options;
    const owner = rootOwner(mapping);
    checkReachable(folder, owner.uid, owner.gid);
    const place = join(folder, key);
    mkdirSync(place, { recursive: true, mode: 0o711 });
    for (const path of [folder, place]) chmodSync(path, 0o711);
    const roots = join(place, rootsName);
    mkdirSync(roots, { recursive: true });
    chownSync(roots, 0, owner.gid);
    chmodSync(roots, 0o710);
    let namespace: UserNamespace;
    try {
      namespace = await createUserNamespace({ helper, mapping });
    } catch (error) {
      throw systemError(`cannot create a user namespace (see user.max_user_namespaces): ${messageOf(error)}`, error);
    }
    this.#release.use(namespace);
    const layers = layersRoot === null ? null : this.#mapLayers(place, layersRoot, namespace.user);
    const remap = { mapping, owner, userNamespace: namespace.user, roots, layers };
    this.#opened.set(key, remap);
    return remap;
  }

  /** Layers hold files of root's with the setuid bit: the folder above the clone is closed to everybody else. */
  #mapLayers(place: string, layersRoot: string, userNamespace: number): string {
    const closed = join(place, layersName);
    const layers = join(closed, "root");
    mkdirSync(layers, { recursive: true, mode: 0o700 });
    chmodSync(closed, 0o700);
    const tree = cloneTree(layersRoot);
    try {
      idmap(tree, userNamespace, `the filesystem of ${layersRoot}`);
      attachTree(tree, layers);
    } finally {
      closeSync(tree);
    }
    this.#release.defer(() => umount(layers, { detach: true }));
    return layers;
  }

  /** Takes away what a daemon that was killed had mounted for itself; containers' roots stay. */
  #clear(): void {
    const { folder } = this.#options;
    for (const { target } of mountTable()) {
      if (target.startsWith(`${folder}/`) && target.endsWith(`/${layersName}/root`)) umount(target, { detach: true });
    }
    for (const key of readdirOrNone(folder)) {
      const roots = join(folder, key, rootsName);
      for (const id of readdirOrNone(roots)) removeEmpty(join(roots, id));
      for (const path of [`${layersName}/root`, layersName, rootsName, ""]) removeEmpty(join(folder, key, path));
    }
  }
}

const keyOf = ({ uids, gids }: IdMapping): string =>
  createHash("sha256")
    .update(`${mapText(uids)}\n${mapText(gids)}`)
    .digest("hex")
    .slice(0, keyLength);

/** Root of the containers must be able to reach what it is to enter. @throws EngineError system in Docker's words */
const checkReachable = (folder: string, uid: number, gid: number): void => {
  for (let path = dirname(folder); ; path = dirname(path)) {
    const stat = statSync(path);
    const bit = stat.uid === uid ? 0o100 : stat.gid === gid ? 0o010 : 0o001;
    if ((stat.mode & bit) === 0) {
      throw systemError(
        `a subdirectory in your graphroot path (${dirname(folder)}) restricts access to the remapped root uid/gid; please fix by allowing 'o+x' permissions on existing directories`,
      );
    }
    if (path === "/") return;
  }
};

const readdirOrNone = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
};

const removeEmpty = (path: string): void => {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!isCode(error, "ENOENT", "ENOTEMPTY", "EBUSY")) throw error;
  }
};
