import { sha256 } from "../../oci/digest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";
import { rfc3339Nano } from "../../base/clock.ts";
import type { ContentLease, ImageContext } from "./context.ts";
import { chainIdsOf, maxConfigBytes } from "./document.ts";
import type { ImageRecord } from "./record.ts";
import { imageEvent } from "./store.ts";

/** An image that was made here, and what is to be said of it. */
export interface NewImage {
  config: OciImageConfig;
  parent: string | null;
  reference: Reference | undefined;
  /** `import` or `create`. */
  action: string;
}

const sorted = (value: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/**
 * Stores a configuration and records the image that it is, with its name, in one transaction. Its layers must be here,
 * held by `lease`.
 *
 * @returns the image id
 */
export const createImage = async (context: ImageContext, image: NewImage, lease: ContentLease): Promise<string> => {
  const { config, parent, reference, action } = image;
  const bytes = Buffer.from(JSON.stringify(sorted(config)));
  const id = sha256(bytes);
  lease.add("blob", id);
  await context.blobs.ingest(id, bytes, { maxBytes: maxConfigBytes });
  const chain = chainIdsOf(config);
  context.database.transaction((transaction) => {
    const lastTagTime = reference === undefined ? null : rfc3339Nano(context.clock.nowNs());
    const record: ImageRecord = {
      id,
      config: JSON.parse(bytes.toString("utf8")) as OciImageConfig,
      chainId: chain.at(-1) ?? null,
      parent,
      lastTagTime,
      manifests: [],
      blobs: chain.map(() => null),
    };
    context.store.putImage(transaction, context.store.merged(record));
    // Docker tells of a committed image before its name, of an imported one after it.
    const events = [imageEvent(action, id, id, record)];
    if (reference !== undefined) {
      context.store.putReference(transaction, reference, id);
      const tagged = imageEvent("tag", id, reference.familiar(), record);
      if (action === "import") events.unshift(tagged);
      else events.push(tagged);
    }
    for (const event of events) transaction.emit(event);
  });
  return id;
};
