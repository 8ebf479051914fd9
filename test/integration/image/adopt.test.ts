// A database of the first schema, as version 8147ab1 wrote it, opened by this one.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import { digestOf } from "../../support/image.ts";

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, "../../fixtures", name), "utf8");
const documents = JSON.parse(fixture("state-schema-1.documents.json")) as [string, string, string];
const [index, manifest, plain] = documents.map((text) => digestOf(Buffer.from(text)));
const repository = "registry.test:5000/team";

const layOut = (root: string): void => {
  const sql = new DatabaseSync(join(root, "state.db"));
  sql.exec(fixture("state-schema-1.sql"));
  sql.close();
  const blobs = join(root, "content/blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  for (const text of documents) writeFileSync(join(blobs, digestOf(Buffer.from(text)).slice(7)), text);
};

test("names of the first schema learn what they stand for, once", async () => {
  await using here = openImages({}, { prepare: layOut });
  const targets = (): (string | null)[] =>
    [`${repository}/multi:1`, `${repository}/multi@${index}`, `${repository}/plain:1`, "docker.io/library/mine:1"].map(
      (key) => here.database.table<{ target: string | null }>("references").get(key)?.target ?? null,
    );
  assert.deepEqual(targets(), [null, index, null, null], "what the database alone knows");
  await here.images.restore();
  assert.deepEqual(targets(), [index, index, plain, null]);
  const { Descriptor, Manifests } =
    here.images.list({ manifests: true }).find(({ RepoTags }) => RepoTags?.includes(`${repository}/multi:1`)) ?? {};
  assert.equal(Descriptor?.digest, index);
  assert.deepEqual(
    Manifests?.map(({ ID, Kind }) => [ID, Kind]).map(([id, kind]) => [id === manifest, kind]),
    [
      [true, "image"],
      [false, "image"],
    ],
  );
  assert.equal(here.images.find("mine:1")?.id, here.images.find(`${repository}/plain:1`)?.id);
  here.images.tag(`${repository}/plain:1`, "mine", "2");
  await here.images.restore();
  assert.deepEqual(here.images.roots().blobs.filter((digest) => digest === index).length > 0, true);
  await here.images.remove(`${repository}/multi:1`, { force: false, prune: true });
  assert.equal(here.blobs.has(index ?? ""), false);
});

test("a damaged document costs its description alone", async () => {
  await using here = openImages(
    {},
    {
      prepare: (root) => {
        layOut(root);
        writeFileSync(join(root, "content/blobs/sha256", (index ?? "").slice(7)), "{}");
      },
    },
  );
  await here.images.restore();
  const image = here.images.get(`${repository}/multi:1`);
  assert.equal(here.images.inspect(`${repository}/plain:1`).Descriptor?.digest, plain);
  assert.equal(
    here.images.list().some(({ Id }) => Id === image.id),
    true,
  );
});
