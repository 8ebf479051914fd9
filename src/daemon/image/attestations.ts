import { systemError } from "../../base/errors.ts";
import { hostPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import type { AttestationStatement } from "../../wire/engine/image.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import type { ImageContext } from "./context.ts";
import { getImage, targetOf } from "./find.ts";
import { attestationType, referenceDigestAnnotation, referenceTypeAnnotation } from "./manifest-record.ts";
import { entriesOf } from "./platforms.ts";

const inTotoType = "application/vnd.in-toto+json";
/** Says of a layer of an attestation which kind of statement it is. **Source:** BuildKit, attestation-storage.md. */
const predicateTypeAnnotation = "in-toto.io/predicate-type";
/** Most statements of one answer. */
const maxStatements = 1024;
/** The largest statement that is answered. */
const maxStatementBytes = 16 * 1024 * 1024;

export interface AttestationOptions {
  /** Of which platform's image; this machine's when absent. */
  platform?: Platform | undefined;
  /** Only statements of these predicate types; all for none. */
  types?: readonly string[];
  /** With the statements themselves. */
  statement?: boolean;
}

/** The statement layers that are attached to a manifest in an index. */
function* statementLayers({ store }: ImageContext, target: string, subject: string): Generator<Descriptor> {
  for (const { digest, annotations } of entriesOf(store, target)) {
    if (annotations?.[referenceTypeAnnotation] !== attestationType) continue;
    if (annotations[referenceDigestAnnotation] !== subject) continue;
    const manifest = store.manifest(digest);
    if (manifest?.kind !== "artifact") continue;
    for (const layer of manifest.layers) if (layer.mediaType === inTotoType) yield layer;
  }
}

const readStatement = async ({ blobs }: ImageContext, digest: string): Promise<object> => {
  if (!blobs.has(digest)) throw systemError(`attestation statement ${digest} is not here: pull the image again`);
  if (blobs.size(digest) > maxStatementBytes)
    throw systemError(`attestation statement ${digest} is larger than ${maxStatementBytes} bytes`);
  try {
    const statement: unknown = JSON.parse((await blobs.read(digest)).toString("utf8"));
    if (typeof statement === "object" && statement !== null) return statement;
  } catch (error) {
    throw systemError(`attestation statement ${digest} is not JSON`, error);
  }
  throw systemError(`attestation statement ${digest} is not an object`);
};

/**
 * The in-toto statements that are attached to an image; none for one that has none, or whose attestations were not
 * pulled.
 *
 * @throws EngineError not-found
 *
 * **Source:** Engine API 1.55, ImageAttestations; BuildKit, attestation-storage.md.
 */
export const imageAttestations = async (
  context: ImageContext,
  name: string,
  options: AttestationOptions = {},
): Promise<AttestationStatement[]> => {
  const { store } = context;
  const { platform = hostPlatform(), types = [], statement = false } = options;
  const image = getImage(store, name, platform);
  const target = targetOf(store, name, image.id);
  const entry = target === null ? undefined : store.imagesOf(target).find((one) => one.image.id === image.id)?.entry;
  if (target === null || entry === undefined) return [];
  const found: AttestationStatement[] = [];
  for (const layer of statementLayers(context, target, entry.digest)) {
    const PredicateType = layer.annotations?.[predicateTypeAnnotation] ?? "";
    if (types.length > 0 && !types.includes(PredicateType)) continue;
    if (found.length === maxStatements) throw systemError(`more than ${maxStatements} attestation statements`);
    found.push({
      Descriptor: layer,
      PredicateType,
      ...(statement ? { Statement: await readStatement(context, layer.digest) } : {}),
    });
  }
  return found;
};
