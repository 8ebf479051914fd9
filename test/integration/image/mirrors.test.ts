import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { MirrorHealth } from "../../../src/oci/distribution/mirror.ts";
import { openImages } from "../../support/engine-images.ts";
import { busyboxLayer, imageOf, layerOf } from "../../support/image.ts";
import { LyingRegistry, flipped } from "../../support/lying-registry.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

const image = imageOf({ layers: [busyboxLayer(), layerOf([{ name: "x", content: "y" }])] });
let origin: TestRegistry;
let secret: TestRegistry;
before(async () => {
  [origin, secret] = await Promise.all([startRegistry(), startRegistry({ password: true })]);
  for (const registry of [origin, secret]) await registry.put(image, "a/b", "latest");
});
after(async () => {
  await origin?.[Symbol.asyncDispose]();
  await secret?.[Symbol.asyncDispose]();
});

interface Seen {
  url: string;
  authorization: string | undefined;
}

/** A mirror with the image, that notes what it is asked; `fails` answers in its place. */
const mirrorOf = async (
  fails: (name: string, response: ServerResponse, request: IncomingMessage) => boolean = () => false,
  bytes?: (name: string, bytes: Buffer) => Buffer,
): Promise<LyingRegistry & { seen: Seen[] }> => {
  const seen: Seen[] = [];
  const registry = await new LyingRegistry({
    image,
    answer: (name, request, response) => {
      seen.push({ url: request.url ?? "", authorization: request.headers.authorization });
      return fails(name.split("?")[0] ?? "", response, request);
    },
    ...(bytes === undefined ? {} : { bytes }),
  }).listen();
  return Object.assign(registry, { seen });
};
const hostOf = (registry: LyingRegistry): string => registry.name.split("/")[0] ?? "";

test("a mirror of any registry is asked first, told whose content is meant, and needs no registry behind it", async () => {
  await using mirror = await mirrorOf();
  const gone = "127.0.0.1:1";
  for (const entry of [`${gone}=http://${hostOf(mirror)}`, `*=http://${hostOf(mirror)}`]) {
    await using here = openImages({ mirrors: [entry] });
    mirror.seen.length = 0;
    await here.pull(`${gone}/a/b:latest`);
    assert.equal(here.images.get(`${gone}/a/b:latest`).id, image.id);
    const asked = mirror.seen.filter(({ url }) => url !== "/v2/");
    assert.ok(asked.length >= 4);
    for (const { url } of asked) assert.equal(new URL(url, "http://x").searchParams.get("ns"), gone);
  }
});

test("what a mirror lacks, refuses or cannot do is asked of the registry, request by request", async () => {
  const top = image.layers[1]?.digest ?? "";
  for (const status of [404, 403, 500, 503]) {
    await using mirror = await mirrorOf((name, response) => {
      if (name !== top) return false;
      response.writeHead(status).end();
      return true;
    });
    await using here = openImages({ mirrors: [`${origin.host}=http://${hostOf(mirror)}`] });
    await here.pull(`${origin.host}/a/b:latest`);
    assert.equal(here.images.get(`${origin.host}/a/b:latest`).id, image.id);
    assert.ok(
      mirror.seen.some(({ url }) => url.includes(image.layers[0]?.digest ?? "-")),
      "the rest came from it",
    );
  }
});

test("a mirror that is broken is left alone by the pulls that follow", async () => {
  await using mirror = await mirrorOf((_, response) => {
    response.destroy();
    return true;
  });
  const mirrorHealth = new MirrorHealth();
  for (const asked of [true, false]) {
    await using here = openImages({ mirrors: [`${origin.host}=http://${hostOf(mirror)}`], mirrorHealth });
    mirror.seen.length = 0;
    await here.pull(`${origin.host}/a/b:latest`);
    assert.equal(mirror.seen.length > 0, asked);
  }
});

test("wrong bytes from a mirror are fetched again from the registry", async () => {
  for (const spoilt of [image.layers[0]?.digest, image.id, "latest"]) {
    await using mirror = await mirrorOf(undefined, (name, bytes) =>
      name.split("?")[0] === spoilt ? flipped(bytes, bytes.length >> 1) : bytes,
    );
    await using here = openImages({ mirrors: [`${origin.host}=http://${hostOf(mirror)}`] });
    await here.pull(`${origin.host}/a/b:latest`);
    assert.equal(here.images.get(`${origin.host}/a/b:latest`).id, image.id);
  }
});

test("a mirror that breaks off in the middle of a blob is asked no more", async () => {
  const [bottom = "", top = ""] = image.layers.map(({ digest }) => digest);
  for (const broken of [bottom, top, image.id]) {
    for (const sent of [0, 1]) {
      await using mirror = await mirrorOf((name, response) => {
        if (name !== broken) return false;
        response.writeHead(200, { "content-length": 1_000 });
        response.write(Buffer.alloc(sent), () => response.destroy());
        return true;
      });
      const mirrorHealth = new MirrorHealth();
      await using here = openImages({ mirrors: [`${origin.host}=http://${hostOf(mirror)}`], mirrorHealth });
      await here.pull(`${origin.host}/a/b:latest`);
      assert.equal(here.images.get(`${origin.host}/a/b:latest`).id, image.id);
    }
  }
});

test("a mirror that broke off is asked again when the registry does not answer", async () => {
  const top = image.layers[1]?.digest ?? "";
  let cuts = 0;
  await using mirror = await mirrorOf((name, response) => {
    if (name !== top || cuts++ > 0) return false;
    response.writeHead(200, { "content-length": 1_000 });
    response.write(image.layers[1]?.blob.subarray(0, 5), () => response.destroy());
    return true;
  });
  const gone = "127.0.0.1:1";
  await using here = openImages({ mirrors: [`${gone}=http://${hostOf(mirror)}`], mirrorHealth: new MirrorHealth() });
  await here.pull(`${gone}/a/b:latest`);
  assert.equal(here.images.get(`${gone}/a/b:latest`).id, image.id);
  assert.equal(cuts, 2);
});

test("a mirror gets the registry's credentials never, and its own when they name it", async () => {
  const password = { username: registryUser, password: registryPassword };
  const challenge = (_: string, response: ServerResponse, request: IncomingMessage): boolean => {
    if (request.headers.authorization !== undefined) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="mirror"' }).end();
    return true;
  };
  await using mirror = await mirrorOf(challenge);
  // That a mirror wants credentials which it is not given is no failure of it.
  const settings = { mirrors: [`${secret.host}=http://${hostOf(mirror)}`], mirrorHealth: new MirrorHealth() };
  {
    await using here = openImages(settings);
    await here.pull(`${secret.host}/a/b:latest`, { auth: password });
    assert.ok(mirror.seen.length > 0);
    assert.ok(mirror.seen.every(({ authorization }) => authorization === undefined));
  }
  mirror.seen.length = 0;
  await using here = openImages(settings);
  await here.pull(`${secret.host}/a/b:latest`, { auth: { ...password, serveraddress: hostOf(mirror) } });
  assert.ok(mirror.seen.some(({ url, authorization }) => url.includes("/blobs/") && authorization !== undefined));
});

test("a push goes to the registry itself", async () => {
  await using mirror = await mirrorOf();
  await using here = openImages({ mirrors: [`*=http://${hostOf(mirror)}`] });
  await here.pull(`${origin.host}/a/b:latest`);
  mirror.seen.length = 0;
  here.images.tag(image.id, `${origin.host}/a/pushed`, "1");
  await here.images.push(`${origin.host}/a/pushed:1`, {}, () => undefined);
  assert.deepEqual(mirror.seen, []);
});
