import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { isCode } from "../../../linux/error.ts";
import { textOf } from "../../../oci/layer/tar/entry.ts";
import type { TreeKind } from "../../../oci/layer/changes/trees.ts";
import { packTreeChanges } from "../../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import { checkStorageId } from "../driver.ts";
import type { Change } from "../driver.ts";

/**
 * What drivers have in common whose layers are whole trees, each begun as a copy or snapshot of the one below: what a
 * layer changes is found by comparing the two. Which is below is noted in `<root>/parent/<id>`.
 */
export class CopiedLayers {
  readonly #notes: string;
  readonly #pathOf: (id: string) => string;
  readonly #tree: TreeKind;
  readonly #workers: LayerWorkers;

  constructor(root: string, tree: TreeKind, pathOf: (id: string) => string, workers: LayerWorkers) {
    this.#notes = join(root, "parent");
    this.#tree = tree;
    this.#pathOf = pathOf;
    this.#workers = workers;
    mkdirSync(this.#notes, { recursive: true, mode: 0o700 });
  }

  note(id: string, parent: string): void {
    writeFileSync(this.#note(id), parent);
  }

  forget(id: string): void {
    rmSync(this.#note(id), { force: true });
  }

  /** Removes the notes about layers that are gone. */
  collect(existing: readonly string[]): void {
    const kept = new Set(existing);
    for (const id of readdirSync(this.#notes)) if (!kept.has(id)) this.forget(id);
  }

  /** Notes what is below again where a loss of power has taken the note. @returns whether it had */
  mend(id: string, parent: string | null): boolean {
    if ((this.#read(id) ?? "") === (parent ?? "")) return false;
    if (parent === null) this.forget(id);
    else this.note(id, parent);
    return true;
  }

  async changes(id: string): Promise<Change[]> {
    const { young, old, tree } = this.#pair(id);
    const changes = await this.#workers.run("changes", { young, old, tree });
    return changes.map((change) => ({ path: `/${textOf(change.path)}`, kind: change.kind }));
  }

  diff(id: string): Readable {
    const { young, old, tree } = this.#pair(id);
    return packTreeChanges(this.#workers, young, old, tree);
  }

  /** Bytes of what differs from the layer below. */
  size(id: string): Promise<number> {
    const { young, old, tree } = this.#pair(id);
    return this.#workers.run("usage", { path: young, old, tree });
  }

  #pair(id: string): { young: string; old: string | null; tree: TreeKind } {
    const parent = this.#read(id);
    return { young: this.#pathOf(id), old: parent === null ? null : this.#pathOf(parent), tree: this.#tree };
  }

  #read(id: string): string | null {
    try {
      return readFileSync(this.#note(id), "utf8");
    } catch (error) {
      if (isCode(error, "ENOENT")) return null;
      throw error;
    }
  }

  #note(id: string): string {
    return join(this.#notes, checkStorageId(id));
  }
}
