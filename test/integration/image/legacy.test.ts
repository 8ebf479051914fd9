// Archives from before images were known by their content become the images that dockerd 28.5 makes of them.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { legacyArchive, legacyIds, legacyLayers } from "../../support/legacy-archive.ts";
import { tar } from "../../support/raw-tar.ts";

const load = async (here: TestImages, archive: Buffer): Promise<string[]> => {
  const told: string[] = [];
  await here.images.load(Readable.from([archive]), { quiet: true }, ({ stream }) => told.push(stream ?? ""));
  return told;
};

const written = { docker_version: "1.9.1", throwaway: true, layer_id: "x", parent_id: "y" };
/** Ids that dockerd 28.5.2 gave. */
const cases: [string, Buffer, top: string, base: string][] = [
  [
    "of engines before 1.8.3, whose configurations are written anew",
    legacyArchive(),
    "sha256:c4d1448d739f11f7d58ccd60c456ef4efe99b4453dfaaca17cf2ec6cbfc805ea",
    "sha256:fc9f23a6a6d2869fb819d35abc34d84dda94876f1f2c573a8b7acc6d66e67443",
  ],
  [
    "of engines since 1.8.3",
    legacyArchive({ base: written, top: written }),
    "sha256:0e97103685a207a94498634d2c6c524e909eca5cbb9fcccba73fc47ad1eb77ea",
    "sha256:043980cec1f1a2ac27490e4984f565da47b4254f7769fbf4e719df98cfcba804",
  ],
];

for (const [what, archive, top, base] of cases)
  test(`archives with a directory an image: ${what}`, async () => {
    await using here = openImages();
    // Docker says nothing of them.
    assert.deepEqual(await load(here, archive), []);
    assert.deepEqual([here.images.get("old/two:1.0").id, here.images.get("old/two:base").id], [top, base]);
    assert.equal(here.images.inspect("old/two:1.0").Parent, base);
    assert.deepEqual(
      here.layers.chain(here.images.get("old/two:1.0").chainId).map(({ diffId }) => diffId),
      legacyLayers.map(({ diffId }) => diffId).toReversed(),
    );
    assert.equal(here.layers.all().length, 2);
  });

const { base, top } = legacyIds;
const refused: [string, Buffer, RegExp][] = [
  ["an id that is not there", legacyArchive({}, { "old/two": { x: "c".repeat(64) } }), /^invalid target ID: c{64}$/],
  [
    "a parent that is not there",
    legacyArchive({ base: { parent: "c".repeat(64) } }),
    /^open c{64}\/json: no such file/,
  ],
  ["its own parent", legacyArchive({ base: { parent: top } }), /its own parent/],
  ["no layer", tar([{ name: `${base}/json`, content: "{}" }]), /^open a{64}\/layer\.tar: no such file/],
  ["no JSON", tar([{ name: `${base}/json`, content: "{" }]), /not JSON/],
  ["JSON of something else", tar([{ name: `${base}/json`, content: "[]" }]), /not an object/],
  ["no names", tar([{ name: "x", content: "" }]), /^open repositories: no such file or directory$/],
  ["a name that is none", legacyArchive({}, { UPPER: { x: base } }), /must be lowercase/],
  ["another operating system", legacyArchive({ base: { os: "windows" } }), /^cannot load windows image on linux$/],
];

for (const [what, archive, message] of refused)
  test(`such an archive is refused, and nothing stays: ${what}`, async () => {
    await using here = openImages();
    await assert.rejects(load(here, archive), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(here.images.list({ all: true }), []);
    assert.deepEqual([here.blobs.list(), here.layers.all(), here.layers.driver.list()], [[], [], []]);
  });
