// Registries that lie: whatever they answer, nothing wrong is committed, and credentials stay where they belong.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Engine } from "./engine.ts";
import { digestOf, imageOf, layerOf } from "../support/image.ts";
import type { TestImage } from "../support/image.ts";
import { LyingRegistry, flipped } from "../support/lying-registry.ts";
import type { Spoil } from "../support/lying-registry.ts";

const image = imageOf({
  layers: [
    layerOf([{ name: "base", content: Buffer.alloc(20_000, "abc") }]),
    layerOf([{ name: "top", content: Buffer.alloc(40_000, "defg") }]),
  ],
});
const top = image.layers[1]?.digest ?? "";

/** The image with another manifest, which is served under its own right digest. */
const withManifest = (change: (manifest: Record<string, unknown>) => void, type = image.manifestType): TestImage => {
  const manifest = JSON.parse(image.manifest.toString()) as Record<string, unknown>;
  change(manifest);
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { ...image, manifest: bytes, manifestDigest: digestOf(bytes), manifestType: type };
};
const index = "application/vnd.oci.image.index.v1+json";
const entry = {
  mediaType: image.manifestType,
  digest: image.manifestDigest,
  size: image.manifest.length,
  platform: { os: "linux", architecture: "amd64" },
};

/** What a lost line looks like, too: a blob that ends early. */
const cutOff = new Set(["a layer that lacks its last byte", "one layer in place of the other"]);
const refused: Record<string, Partial<Spoil>> = {
  "one bit of a layer": { bytes: (name, bytes) => (name === top ? flipped(bytes, bytes.length - 20) : bytes) },
  // The content is the same: the digest alone tells.
  "the system's byte in a layer's gzip header": {
    bytes: (name, bytes) => (name === top ? flipped(bytes, 9) : bytes),
  },
  "one bit of the config": { bytes: (name, bytes) => (name === image.id ? flipped(bytes, 30) : bytes) },
  "a layer with a byte more": {
    bytes: (name, bytes) => (name === top ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes),
  },
  "a layer that lacks its last byte": { bytes: (name, bytes) => (name === top ? bytes.subarray(0, -1) : bytes) },
  "one layer in place of the other": {
    bytes: (name, bytes) => (name === top ? (image.layers[0]?.blob ?? bytes) : bytes),
  },
  "a diffID that is not the layer's": {
    image: imageOf({
      layers: image.layers,
      config: { rootfs: { type: "layers", diff_ids: [image.layers[0]?.diffId, digestOf(Buffer.from("other"))] } },
    }),
  },
  "manifests and layers in one document": { image: withManifest((m) => void (m["manifests"] = [entry])) },
  "layers in what claims to be an index": { image: withManifest((m) => void (m["mediaType"] = index), index) },
  "an index served as a manifest": {
    image: withManifest((m) => {
      delete m["config"];
      delete m["layers"];
      m["manifests"] = [entry];
    }),
  },
  "a media type that differs from the answer's": { image: withManifest(() => {}, index) },
  "a config of a kind that is no image": {
    image: withManifest(
      (m) => void ((m["config"] as Record<string, unknown>)["mediaType"] = "application/vnd.example.artifact.v1+json"),
    ),
  },
  "a digest with a path in it": {
    image: withManifest((m) => {
      (m["layers"] as Record<string, unknown>[])[1] = { ...entry, digest: "sha256:../../../../etc/passwd" };
    }),
  },
  "a digest of another algorithm": {
    image: withManifest((m) => {
      (m["layers"] as Record<string, unknown>[])[1] = { ...entry, digest: `md5:${"0".repeat(32)}` };
    }),
  },
  "a negative size": {
    image: withManifest((m) => void ((m["layers"] as Record<string, unknown>[])[1] = { ...entry, size: -1 })),
  },
};

suite("registries that lie", () => {
  let engine: Engine;
  before(async () => {
    engine = await Engine.start();
  });
  after(() => engine[Symbol.asyncDispose]());

  const leftovers = (): string[] =>
    readdirSync(join(engine.berthd.dataRoot, "content"), { recursive: true, encoding: "utf8" }).filter((name) =>
      /[0-9a-f]{64}/.test(name),
    );

  for (const [what, spoil] of Object.entries(refused))
    test(`refused, and nothing stays: ${what}`, async () => {
      await using registry = await new LyingRegistry({ image, ...spoil }).listen();
      const { code, stderr } = await engine.docker(["pull", "-q", registry.name]);
      assert.notEqual(code, 0);
      assert.notEqual(stderr, "");
      assert.equal(await engine.ok("images", "-aq"), "");
      // What came, and was checked, is there for the next pull, for a day.
      if (cutOff.has(what)) {
        assert.notDeepEqual(leftovers(), []);
        await engine.ok("image", "prune", "-f");
      }
      assert.deepEqual(leftovers(), []);
    });

  test("a manifest whose bytes are not those of its digest is refused, by digest and by tag", async () => {
    for (const reference of [`@${image.manifestDigest}`, ":latest"]) {
      const bytes: Spoil["bytes"] = (name, content) =>
        name === image.manifestDigest || name === "latest" ? flipped(content, 40) : content;
      await using registry = await new LyingRegistry({ image, bytes }).listen();
      const { code } = await engine.docker(["pull", "-q", registry.name + reference]);
      assert.notEqual(code, 0, reference);
      assert.equal(await engine.ok("images", "-aq"), "");
    }
  });

  test("the same image from an honest registry is taken", async () => {
    await using registry = await new LyingRegistry({ image }).listen();
    await engine.ok("pull", "-q", registry.name);
    assert.match(await engine.ok("images", "--no-trunc", "-q"), new RegExp(image.id));
    await engine.ok("rmi", registry.name);
  });

  test("a password goes to its registry alone, not where that one redirects to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-config-"));
    const seen: string[] = [];
    const blobs = createServer((request, response) => {
      seen.push(request.headers.authorization ?? "none");
      const found = [...image.layers, { digest: image.id, blob: image.config }].find(({ digest }) =>
        request.url?.endsWith(digest),
      );
      response.end(found?.blob);
    });
    await new Promise<void>((resolve) => void blobs.listen(0, "127.0.0.2", resolve));
    const elsewhere = `http://127.0.0.2:${(blobs.address() as AddressInfo).port}`;
    let asked = 0;
    const answer: Spoil["answer"] = (name, request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      asked++;
      if (!name.startsWith("sha256:") || name === image.manifestDigest) return false;
      response.writeHead(307, { location: `${elsewhere}/${name}` }).end();
      return true;
    };
    await using registry = await new LyingRegistry({ image, answer }).listen();
    try {
      const auth = Buffer.from("user:secret-canary").toString("base64");
      const host = registry.name.split("/")[0] ?? "";
      writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
      const { code, stderr } = await engine.docker(["pull", registry.name], { environment: { DOCKER_CONFIG: folder } });
      assert.equal(code, 0, stderr);
      assert.ok(asked > 0);
      assert.deepEqual([...new Set(seen)], ["none"]);
    } finally {
      blobs.closeAllConnections();
      blobs.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
