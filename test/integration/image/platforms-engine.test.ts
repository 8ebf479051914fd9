// Names with several platforms through the API and the stock CLI of a whole engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { busyboxLayer, layerOf } from "../../support/image.ts";
import { attestationOf, imageFor, indexOf, putIndex } from "../../support/index-image.ts";
import { startRegistry } from "../../support/registry.ts";

const engine = useEngine();
const host = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
const other = { os: "linux", architecture: process.arch === "arm64" ? "amd64" : "arm64" };
const hostImage = imageFor(host, { layers: [busyboxLayer()] });
// Its files are this machine's: what counts here is what it says of itself.
const otherImage = imageFor(other, { layers: [busyboxLayer(), layerOf([{ name: "other", content: "o" }])] });
const slsa = "https://slsa.dev/provenance/v1";
const index = indexOf([
  { image: hostImage, platform: host, attestation: attestationOf(hostImage, [slsa]) },
  { image: otherImage, platform: other },
]);

test("the stock CLI pulls, runs, shows and removes platforms", async () => {
  await using registry = await startRegistry();
  await putIndex(registry, index, "team/multi", "1");
  const { docker, api } = engine;
  const name = `${registry.host}/team/multi:1`;
  const otherName = `linux/${other.architecture}`;
  assert.equal(await docker.ok("run", "--rm", name, "echo", "host"), "host");
  const ran = await docker.run(["run", "--rm", "--platform", otherName, name, "cat", "/other"]);
  assert.deepEqual([ran.code, ran.stdout], [0, "o"], ran.stderr);
  assert.match(ran.stderr, /Already exists/, "it was pulled, and what both have was not");
  assert.equal((await docker.run(["run", "--rm", "--pull", "never", name, "cat", "/other"])).code, 1);
  const tree = await docker.ok("images", "--tree", "--filter", `reference=${name}`);
  assert.match(tree, new RegExp(`linux/${host.architecture} `));
  assert.match(tree, new RegExp(`linux/${other.architecture} `));
  await docker.ok("pull", "-q", "--platform", "all", name);

  const id = await docker.ok("create", "--platform", otherName, name, "true");
  assert.equal(await docker.field(id, "{{.Image}}"), otherImage.id);
  const [container] = await api.ok<{ Image: string; ImageManifestDescriptor: { digest: string } }[]>(
    "GET",
    `/containers/json?all=1&filters={"id":["${id}"]}`,
  );
  assert.deepEqual([container?.Image, container?.ImageManifestDescriptor.digest], [name, otherImage.manifestDigest]);
  const [listed] = await api.ok<{ Containers: number; Manifests: { ImageData?: { Containers: string[] } }[] }[]>(
    "GET",
    `/images/json?manifests=1&filters={"reference":["${name}"]}`,
  );
  assert.equal(listed?.Containers, 1);
  assert.deepEqual(
    listed?.Manifests.map(({ ImageData }) => ImageData?.Containers),
    [[], [id], undefined],
  );
  assert.equal(await docker.ok("ps", "-aq", "--no-trunc", "--filter", `ancestor=${name}`), id);
  const removal = await docker.run(["image", "rm", "--platform", otherName, name]);
  assert.match(removal.stderr, /\(must be forced\) - image is being used by stopped container/);
  await docker.ok("rm", id);
  assert.match(await docker.ok("image", "rm", "--platform", otherName, name), new RegExp(`^Deleted: ${otherImage.id}`));
  assert.equal(await docker.field(name, "{{.Id}}"), hostImage.id);

  const path = `/images/${encodeURIComponent(name)}/attestations`;
  type Statements = { PredicateType: string; Statement?: { predicateType: string } }[];
  assert.deepEqual(
    (await api.ok<Statements>("GET", path)).map(({ PredicateType, Statement }) => [PredicateType, Statement]),
    [[slsa, undefined]],
  );
  const [whole] = await api.ok<Statements>("GET", `/v1.51${path}?statement=1&type=${encodeURIComponent(slsa)}`);
  assert.equal(whole?.Statement?.predicateType, slsa);
  assert.equal((await api.call("GET", `/v1.50${path}`)).status, 404);
  assert.equal((await api.call("GET", `${path}?platform=x`)).status, 400);
  assert.equal((await api.call("GET", `${path}?platform={"os":"linux","architecture":"s390x"}`)).status, 404);
  assert.equal((await api.call("GET", "/images/none/attestations")).status, 404);
  await docker.ok("rmi", name);
  assert.equal((await api.call("GET", path)).status, 404);
});

test("a platform that is not in the index is refused, and one that is none", async () => {
  await using registry = await startRegistry();
  await putIndex(registry, index, "team/multi", "1");
  const { docker } = engine;
  const name = `${registry.host}/team/multi:1`;
  const missing = await docker.run(["pull", "--platform", "linux/s390x", name]);
  assert.deepEqual([missing.code, missing.stdout.split("\n").length > 1], [1, true]);
  assert.match(missing.stderr, /no matching manifest for linux\/s390x in the manifest list entries/);
  const wrong = await docker.run(["pull", "--platform", "nonsense/x/y/z", name]);
  assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
  assert.equal((await docker.run(["images", "-q", name])).stdout, "");
});
