import { SharedWork } from "../../../base/shared-work.ts";
import type { PartialBlob } from "../../../oci/blob/partial.ts";
import type { ProgressMessage } from "../../../wire/engine/progress.ts";
import type { OnProgress } from "../progress.ts";

/** A layer's blob on its way here, in use by one or several who unpack it. */
export interface LayerBlob {
  partial: PartialBlob;
  /** Resolves when all bytes are here; whoever unpacks them checks them. */
  downloaded: Promise<void>;
  /**
   * To be called when it is not needed any more. When it is nobody's, `used` (by any of them) says that it became a
   * layer, and its bytes go; `kept` that they become a blob of the store. What was cut off stays, to be gone on with;
   * `bad` bytes never stay.
   */
  release(outcome: Outcome): void;
}

type Outcome = "used" | "kept" | "unused" | "bad";

interface Open {
  partial: PartialBlob;
  users: number;
  outcome: Exclude<Outcome, "bad">;
}

/** Downloads the bytes of a partial blob. */
export type Download = (partial: PartialBlob, signal: AbortSignal, tell: OnProgress) => Promise<void>;

/** The blobs that are being downloaded or unpacked: who wants one that another has begun with shares it. */
export class LayerBlobs {
  readonly #open = new Map<string, Open>();
  readonly #downloads = new SharedWork<void, ProgressMessage>();

  /**
   * @param open makes the partial blob when nobody has it yet
   * @param options.keep makes a blob of the store of it
   * @param download runs once for all who want it at the same time, until the last of them has left
   */
  use(
    digest: string,
    open: () => PartialBlob,
    download: Download,
    options: { signal: AbortSignal; tell: OnProgress; keep: (partial: PartialBlob) => void },
  ): LayerBlob {
    const blob: Open = this.#open.get(digest) ?? { partial: open(), users: 0, outcome: "unused" as const };
    this.#open.set(digest, blob);
    blob.users++;
    const work = async (signal: AbortSignal, tell: OnProgress): Promise<void> => {
      try {
        if (!blob.partial.isWhole) await download(blob.partial, signal, tell);
      } catch (error) {
        blob.partial.fail(error);
        throw error;
      }
    };
    const left = new AbortController();
    const signal = AbortSignal.any([options.signal, left.signal]);
    const downloaded = this.#downloads.run(digest, work, { signal, onMessage: options.tell });
    // Heard of through the partial blob by whoever reads it.
    downloaded.catch(() => {});
    let isHeld = true;
    const release = (outcome: Outcome): void => {
      if (!isHeld) return;
      isHeld = false;
      left.abort(new Error("nobody needs it any more"));
      blob.users--;
      if (outcome === "kept" || (outcome === "used" && blob.outcome === "unused")) blob.outcome = outcome;
      // The others find the same.
      if (outcome !== "bad" && blob.users > 0) return;
      if (this.#open.get(digest) === blob) this.#open.delete(digest);
      if (outcome !== "bad" && blob.outcome === "kept") options.keep(blob.partial);
      else if (outcome === "bad" || blob.outcome === "used") blob.partial.discard();
      else blob.partial[Symbol.dispose]();
    };
    return { partial: blob.partial, downloaded, release };
  }
}
