import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Filters } from "../../../src/base/filters.ts";
import type { RegistryAuthConfig } from "../../../src/wire/registry/auth.ts";
import type { SearchResult } from "../../../src/wire/registry/search.ts";
import { openImages } from "../../support/engine-images.ts";
import { imageOf, layerOf } from "../../support/image.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";

interface Asked {
  query: URLSearchParams;
  authorization: string | undefined;
}

const results = [
  { name: "busybox", description: "Busybox base image.", star_count: 3000, is_official: true, is_automated: false },
  { name: "me/busybox", description: "Mine.", star_count: 3, is_official: false, is_automated: true },
  { name: "odd", star_count: "many" },
  "nonsense",
];

/** An index as private registries once had, and Docker Hub has. */
const asked: Asked[] = [];
let answer: { status: number; body: string } = { status: 200, body: "" };
const index = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://x");
  if (url.pathname === "/v2/") return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  if (url.pathname !== "/v1/search") return void response.writeHead(404).end();
  asked.push({ query: url.searchParams, authorization: request.headers.authorization });
  response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
});
let host = "";
before(async () => {
  await new Promise<void>((resolve) => index.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(index.address() as AddressInfo).port}`;
});
after(() => {
  index.closeAllConnections();
  index.close();
});

const auth: RegistryAuthConfig = { username: "me", password: "pw" };
const search = async (
  term: string,
  filters: Record<string, string[]> = {},
  more: { limit?: number; auth?: RegistryAuthConfig } = { auth },
): Promise<SearchResult[]> => {
  await using here = openImages();
  return here.images.search(term, { filters: new Filters(new Map(Object.entries(filters))), ...more });
};
const names = (found: readonly SearchResult[]): string[] => found.map(({ name }) => name);

test("an index is asked with the words, the limit and the credentials, and filtered here", async () => {
  answer = { status: 200, body: JSON.stringify({ num_results: 4, query: "x", results }) };
  assert.deepEqual(await search(`${host}/busy box`), [
    { name: "busybox", description: "Busybox base image.", star_count: 3000, is_official: true, is_automated: false },
    { name: "me/busybox", description: "Mine.", star_count: 3, is_official: false, is_automated: false },
    { name: "odd", description: "", star_count: 0, is_official: false, is_automated: false },
  ]);
  const last = asked.at(-1);
  assert.equal(last?.query.get("q"), "busy box");
  assert.equal(last?.query.get("n"), "25");
  assert.equal(last?.authorization, `Basic ${Buffer.from("me:pw").toString("base64")}`);
  assert.deepEqual(names(await search(`${host}/x`, { "is-official": ["true"] })), ["busybox"]);
  assert.deepEqual(names(await search(`${host}/x`, { "is-official": ["false"] })), ["me/busybox", "odd"]);
  assert.deepEqual(names(await search(`${host}/x`, { stars: ["3"] })), ["busybox", "me/busybox"]);
  assert.deepEqual(names(await search(`${host}/x`, { stars: ["1", "4"] })), ["busybox"]);
  assert.deepEqual(await search(`${host}/x`, { "is-automated": ["true"] }), []);
  assert.deepEqual(names(await search(`${host}/x`, {}, { limit: 1, auth })), ["busybox"]);
});

test("what cannot be asked is refused in Docker's words", async () => {
  const refused: [Promise<unknown>, string][] = [
    [search("x", {}, { limit: 101 }), "limit 101 is outside the range of [1, 100]"],
    [search("x", {}, { limit: -1 }), "limit -1 is outside the range of [1, 100]"],
    [search("x", { nope: ["1"] }), "invalid filter 'nope'"],
    [search("x", { "is-official": ["maybe"] }), "invalid filter 'is-official=[maybe]'"],
    [search("x", { stars: ["x"] }), `invalid filter 'stars=x': strconv.Atoi: parsing "x": invalid syntax`],
    [search("https://x/y"), "invalid repository name: repository name (https://x/y) should not have a scheme"],
  ];
  for (const [asking, message] of refused) await assert.rejects(asking, { kind: "invalid-parameter", message });
});

test("an index that says no, or talks nonsense", async () => {
  answer = { status: 403, body: "" };
  await assert.rejects(search(`${host}/x`), { kind: "system", message: "Unexpected status code 403" });
  answer = { status: 200, body: "<html>" };
  await assert.rejects(search(`${host}/x`), { kind: "system", message: "error decoding registry search results" });
  answer = { status: 200, body: "x".repeat(5_000_000) };
  await assert.rejects(search(`${host}/x`), { kind: "system", message: /is larger than/ });
});

test("a registry without an index is searched by its catalog", async () => {
  const image = imageOf({ layers: [layerOf([{ name: "x", content: "y" }])] });
  await using registry = await startRegistry({ password: true });
  const paths = ["team/app", "team/application", "team/other"];
  for (const path of paths) await registry.put(image, path, "1");
  const password = { username: registryUser, password: registryPassword };
  const found = await search(`${registry.host}/app`, {}, { auth: password });
  assert.deepEqual(
    found,
    ["team/app", "team/application"].map((path) => ({
      name: `${registry.host}/${path}`,
      description: "",
      star_count: 0,
      is_official: false,
      is_automated: false,
    })),
  );
  assert.equal((await search(`${registry.host}/team`, {}, { auth: password, limit: 2 })).length, 2);
  assert.deepEqual(await search(`${registry.host}/nothing`, {}, { auth: password }), []);
  await assert.rejects(search(`${registry.host}/app`, {}, {}), { message: /no basic auth credentials/ });
});
