import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { debianImage } from "../../support/debian-image.ts";
import { openImages } from "../../support/engine-images.ts";
import { startRegistry } from "../../support/registry.ts";

test("a Debian is pulled, saved and loaded elsewhere with the same id, diffIDs and config bytes", async () => {
  const image = debianImage();
  await using registry = await startRegistry();
  await registry.put(image, "debian", "latest");
  await using here = openImages();
  const name = `${registry.host}/debian`;
  await here.pull(name);
  await using there = openImages();
  await there.images.load(here.images.save([name]), {}, () => undefined);
  const found = there.images.get(name);
  assert.equal(found.id, image.id);
  assert.deepEqual(await there.blobs.read(found.id), image.config);
  assert.equal(there.layers.chain(found.chainId).length, 2);
  for (const { chainId, diffId } of there.layers.chain(found.chainId)) {
    const hash = createHash("sha256");
    for await (const chunk of there.layers.tar(chainId)) hash.update(chunk as Buffer);
    assert.equal(`sha256:${hash.digest("hex")}`, diffId);
  }
  await there.images.push(name, {}, () => undefined);
});
