import { rfc3339Nano } from "../../base/clock.ts";
import { invalidParameter } from "../../base/errors.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import type { ImageContext } from "./context.ts";
import { getImage, targetOf } from "./find.ts";
import { imageEvent } from "./store.ts";

/**
 * The name that `repo` and `tag` of a query make together; `latest` when neither says a tag, undefined without `repo`.
 *
 * @throws EngineError invalid-parameter for what is no name, or one that could be taken for a digest.
 */
export const parseTarget = (repo: string, tag: string): Reference | undefined => {
  if (repo === "") return undefined;
  const name = parseReference(repo);
  if (name.digest !== undefined) throw invalidParameter("cannot import digest reference");
  const target = tag === "" ? name.withDefaultTag() : name.withTag(tag);
  if (target.familiarName === "sha256")
    throw invalidParameter("refusing to create an ambiguous tag using digest algorithm as name");
  return target;
};

/**
 * Gives an image a name; an image that had it before loses it.
 *
 * @throws EngineError not-found, invalid-parameter
 *
 * **Source:** Engine API, ImageTag.
 */
export const tagImage = (context: ImageContext, source: string, repo: string, tag: string): void => {
  const target = parseTarget(repo, tag);
  if (target === undefined) throw invalidParameter("repository name must have at least one component");
  const { id } = getImage(context.store, source);
  const manifest = targetOf(context.store, source, id);
  context.database.transaction((transaction) => {
    const record = context.store.get(id);
    if (record === undefined) return;
    context.store.putReference(transaction, target, id, manifest);
    context.store.putImage(transaction, { ...record, lastTagTime: rfc3339Nano(context.clock.nowNs()) });
    transaction.emit(imageEvent("tag", id, target.familiar(), record));
  });
};
