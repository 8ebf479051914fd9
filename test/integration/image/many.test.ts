// Lists of many images: the work is counted, so that no busy machine makes it fail.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { Filters } from "../../../src/base/filters.ts";
import { openImages } from "../../support/engine-images.ts";
import { dockerArchive, imageOf, layerOf } from "../../support/image.ts";
import { manyLayerBytes, openManyImages } from "../../support/many-images.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-many-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const count = 1000;
const layersEach = 8;
/** Fifty times what it takes on a quiet machine: only a change of order can reach it. */
const boundMs = 1000;

const cpuMs = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

test("a list of 1,000 images looks at containers once and at each layer as often as it is named", () => {
  const { images, database, asked } = openManyImages(count, join(folder, "many.db"));
  using _database = database;
  const [first] = images.list();
  assert.deepEqual(
    [first?.RepoTags?.length, first?.RepoDigests?.length, first?.Size, first?.Containers, first?.SharedSize],
    [2, 1, layersEach * manyLayerBytes, 1, -1],
  );
  assert.deepEqual(asked, { users: 1, layers: count * layersEach, blobs: 0 });
  const spent = cpuMs(() => assert.equal(images.list({ sharedSize: true })[0]?.SharedSize, 4 * manyLayerBytes));
  assert.ok(spent < boundMs, `${spent} ms`);
  assert.equal(asked.users, 2);
  assert.ok(asked.layers <= 3 * count * layersEach, String(asked.layers));
  const one = images.list({ filters: new Filters(new Map([["reference", ["registry.example/team/app-7:7"]]])) });
  assert.deepEqual(
    one.map(({ RepoTags }) => RepoTags),
    [["registry.example/team/app-7:7"]],
  );
  images.list({ manifests: true });
  assert.equal(asked.users, 4);
});

test("the names kept beside the records are what the records say, whatever changes", async () => {
  const { images, database } = openManyImages(20, join(folder, "few.db"));
  using _database = database;
  const id = images.list().at(-1)?.Id ?? "";
  images.tag(id, "new", "1");
  assert.ok(images.get(id).repoTags.includes("new:1"));
  images.tag(images.list()[0]?.Id ?? "", "new", "1");
  assert.equal(images.get(id).repoTags.includes("new:1"), false, "the name moved");
  images.users = () => new Map();
  await images.remove("new:1", { force: true, prune: true });
  assert.equal(images.find("new:1"), undefined);
  await images.remove(id, { force: true, prune: true });
  assert.equal(images.list().length, 19);
});

test("an image with very many names is pruned in time, each name once", async () => {
  await using here = openImages();
  const image = imageOf({ layers: [layerOf([{ name: "file", content: "x" }])] });
  const count = 10_000;
  const tags = Array.from({ length: count }, (_, index) => `many${index % 100}/name:${index}`);
  await here.images.load(Readable.from([dockerArchive([{ image, tags }])]), {}, () => undefined);
  const begin = performance.now();
  const { ImagesDeleted } = await here.images.prune(new Filters(new Map([["dangling", ["false"]]])));
  // All names for each name would be a hundred million steps.
  assert.ok(performance.now() - begin < 5000, `${performance.now() - begin} ms`);
  assert.equal(ImagesDeleted?.filter(({ Untagged }) => Untagged !== undefined).length, count);
  assert.deepEqual(here.images.list({ all: true }), []);
});
