// An image service over records alone: so many images, for what must be quick however many there are.
import { systemClock } from "../../src/base/clock.ts";
import { chainId } from "../../src/oci/digest.ts";
import { ImageService } from "../../src/daemon/image/service.ts";
import type { ImageUse, Layers } from "../../src/daemon/image/context.ts";
import type { ImageRecord, ManifestRecord, ReferenceRecord } from "../../src/daemon/image/record.ts";
import { Database } from "../../src/daemon/state/database.ts";
import { digestOf } from "./image.ts";

export interface ManyImages {
  images: ImageService;
  database: Database;
  /** How often the service asked. */
  asked: { users: number; layers: number; blobs: number };
}

const layersEach = 8;
const sharedLayers = 4;
/** Bytes of every layer. */
export const manyLayerBytes = 1000;

const digest = (text: string): string => digestOf(Buffer.from(text));
const unused = (what: string) => (): never => {
  throw new Error(`${what} is not for this test`);
};

/** `count` pulled images of eight layers, each with two tags, an index and a container; four layers are everybody's. */
export const openManyImages = (count: number, path: string): ManyImages => {
  const database = Database.open(path);
  const asked = { users: 0, layers: 0, blobs: 0 };
  const chains = new Map<string, string>();
  const users = new Map<string, ImageUse>();
  database.transaction((transaction) => {
    for (let i = 0; i < count; i++) {
      const diffIds = Array.from({ length: layersEach }, (_, n) => digest(n < sharedLayers ? `all ${n}` : `${i} ${n}`));
      let top: string | null = null;
      for (const diffId of diffIds) chains.set((top = chainId(top, diffId)), diffId);
      const [id, index, manifest] = [digest(`image ${i}`), digest(`index ${i}`), digest(`manifest ${i}`)];
      const [config, layer] = [
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
      ];
      const record: ImageRecord = {
        id,
        config: {
          architecture: process.arch === "arm64" ? "arm64" : "amd64",
          os: "linux",
          created: new Date(1.7e12 + i * 1000).toISOString(),
          config: { Labels: { number: String(i) }, Env: ["PATH=/usr/local/bin:/usr/bin:/bin"], Cmd: ["sh"] },
          rootfs: { type: "layers", diff_ids: diffIds },
          history: diffIds.map((_, n) => ({ created_by: `step ${n}` })),
        },
        chainId: top,
        parent: null,
        lastTagTime: null,
        manifests: [index, manifest],
        blobs: diffIds.map(() => null),
      };
      transaction.put(database.table<ImageRecord>("images"), id, record);
      const architectures = [record.config.architecture ?? "", "s390x", "ppc64le", "riscv64"];
      const put = (one: ManifestRecord): void =>
        transaction.put(database.table<ManifestRecord>("manifests"), one.digest, one);
      put({
        kind: "index",
        digest: index,
        mediaType: "application/vnd.oci.image.index.v1+json",
        size: 1,
        manifests: architectures.map((architecture, n) => ({
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: n === 0 ? manifest : digest(`${architecture} ${i}`),
          size: 1,
          platform: { os: "linux", architecture },
        })),
      });
      put({
        kind: "image",
        digest: manifest,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        size: 1,
        config: { mediaType: config, digest: id, size: 1 },
        layers: diffIds.map((diffId) => ({ mediaType: layer, digest: diffId, size: 1 })),
      });
      for (const name of [`:${i}`, `:v${i}`, `@${index}`]) {
        const key = `registry.example/team/app-${i % 40}${name}`;
        transaction.put(database.table<ReferenceRecord>("references"), key, { imageId: id, target: index });
      }
      users.set(id, { running: [digest(`container ${i}`)], stopped: [], mounting: [] });
    }
  });
  const layers: Layers = {
    get: (chain) => {
      asked.layers++;
      const diffId = chains.get(chain);
      return diffId === undefined
        ? undefined
        : { chainId: chain, diffId, parent: null, sizeBytes: manyLayerBytes, tarBytes: manyLayerBytes };
    },
    all: () => [],
    register: unused("register"),
    canStage: false,
    stage: unused("stage"),
    adopt: unused("adopt"),
    unstage: unused("unstage"),
    assemble: unused("assemble"),
    tar: unused("tar"),
    compressedTar: unused("compressedTar"),
    metadata: () => ({}),
  };
  const images = new ImageService({
    database,
    layers,
    blobs: {
      root: "/nonexistent",
      has: () => (asked.blobs++, true),
      size: () => 1,
      read: unused("read"),
      open: unused("open"),
      path: unused("path"),
      ingest: unused("ingest"),
      remove: unused("remove"),
      adopt: unused("adopt"),
      partials: { open: unused("open"), prune: unused("prune") },
    },
    leases: { open: unused("open"), dropLeft: unused("dropLeft") },
    collect: async () => ({ bytes: 0 }),
    clock: systemClock(),
    driverName: "none",
    engineVersion: "test",
    registry: {
      settings: { insecureRegistries: [], mirrors: [], certificatesDirectory: "/nonexistent" },
      userAgent: "test",
    },
  });
  images.users = () => (asked.users++, users);
  return { images, database, asked };
};
