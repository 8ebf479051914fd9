// Archives go from here to a real dockerd and back, and are the same wherever they come from.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { findBinary } from "../../../src/linux/process/find-binary.ts";
import { Dockerd, installDockerd } from "../../support/dockerd.ts";
import { Docker } from "../../support/docker.ts";
import { Http } from "../../support/http.ts";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { busyboxLayer, digestOf, dockerArchive, imageOf, oddLayer } from "../../support/image.ts";
import { legacyArchive } from "../../support/legacy-archive.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const base = busyboxLayer();
const image = imageOf({ layers: [base, oddLayer()] });
const sibling = imageOf({ layers: [base], config: { author: "me" } });
const both = dockerArchive([
  { image, tags: ["app:1", "team/app:2"] },
  { image: sibling, tags: ["sibling:1"] },
]);

const load = async (here: TestImages, archive: Buffer): Promise<string[]> => {
  const told: string[] = [];
  await here.images.load(Readable.from([archive]), { quiet: true }, ({ stream }) => told.push(stream ?? ""));
  return told;
};

const save = async (here: TestImages, names: string[]): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of here.images.save(names)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Names and ids of all images. */
const idsIn = (here: TestImages): Record<string, string> => namesOf(here.images.list({ all: true }));

const namesOf = (images: readonly { Id?: string; RepoTags?: string[] | null }[]): Record<string, string> =>
  Object.fromEntries(images.flatMap(({ Id = "", RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id])));

test("what dockerd loads is loaded here with the same ids, and the other way round", async () => {
  using _installed = installDockerd();
  await using dockerd = await Dockerd.start();
  using docker = new Docker(dockerd.socketPath);
  const api = new Http(dockerd.socketPath);
  const idsThere = async (): Promise<Record<string, string>> => namesOf(await api.ok("GET", "/images/json?all=1"));
  for (const archive of [both, legacyArchive()]) {
    await using here = openImages();
    await load(here, archive);
    const ids = idsIn(here);
    // Ours to them.
    const saved = await save(here, Object.keys(ids));
    await docker.ok("load", "-q", "-i", write(saved));
    assert.deepEqual(await idsThere(), ids);
    // Theirs to us.
    const theirs = write(Buffer.alloc(0));
    await docker.ok("save", "-o", theirs, ...Object.keys(ids));
    await using there = openImages();
    await load(there, readFileSync(theirs));
    assert.deepEqual(idsIn(there), ids);
    for (const { chainId, diffId } of there.layers.all()) {
      const chunks: Buffer[] = [];
      for await (const chunk of there.layers.tar(chainId)) chunks.push(chunk as Buffer);
      assert.equal(digestOf(Buffer.concat(chunks)), diffId);
    }
    await docker.ok("rmi", "-f", ...new Set(Object.values(ids)));
  }
});

const folder = temporaryDirectory();
after(() => folder[Symbol.dispose]());
let files = 0;
const write = (bytes: Buffer): string => {
  const path = join(folder.path, `${files++}.tar`);
  writeFileSync(path, bytes);
  return path;
};

const skopeo = findBinary("skopeo");
if (skopeo !== null)
  test("skopeo reads what is saved here as both layouts, and what it writes is loaded", async () => {
    const copy = (...args: string[]): void =>
      void execFileSync(skopeo, ["--insecure-policy", "copy", "-q", ...args], { stdio: "pipe" });
    await using here = openImages();
    await load(here, both);
    const saved = write(await save(here, ["app:1"]));
    const layout = join(folder.path, "layout");
    mkdirSync(layout);
    execFileSync("/bin/tar", ["-C", layout, "-xf", saved]);
    const written = {
      docker: join(folder.path, "docker.tar"),
      oci: join(folder.path, "oci.tar"),
      zstd: join(folder.path, "zstd.tar"),
    };
    copy(`docker-archive:${saved}:app:1`, `docker-archive:${written.docker}:from/docker:1`);
    copy(`oci:${layout}:1`, `oci-archive:${written.oci}:from/oci:1`);
    copy("--dest-compress-format", "zstd", `oci:${layout}:1`, `oci-archive:${written.zstd}:from/zstd:1`);
    for (const [kind, path] of Object.entries(written)) {
      await using there = openImages();
      await load(there, readFileSync(path));
      const name = `from/${kind}:1`;
      assert.deepEqual(Object.keys(idsIn(there)), [name]);
      const { config, id } = there.images.get(name);
      assert.deepEqual(
        config.rootfs.diff_ids,
        image.layers.map(({ diffId }) => diffId),
      );
      if (kind === "docker") assert.equal(id, image.id);
    }
  });
