import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Filters } from "../../../src/base/filters.ts";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { digestOf, dockerArchive, imageOf, layerOf } from "../../support/image.ts";
import type { TestImage } from "../../support/image.ts";
import { tar } from "../../support/raw-tar.ts";

const base = layerOf([{ name: "base", content: "x".repeat(100) }]);
const app = imageOf({
  layers: [base, layerOf([{ name: "app", content: "y".repeat(20) }])],
  config: { created: "2024-01-02T00:00:00Z" },
});
const tool = imageOf({
  layers: [base, layerOf([{ name: "tool", content: "z".repeat(3) }])],
  config: { created: "2024-01-03T00:00:00Z", config: { Labels: { kind: "tool" } } },
});

const load = (here: TestImages, ...images: { image: TestImage; tags: string[] }[]): Promise<void> =>
  here.images.load(Readable.from([dockerArchive(images)]), {}, () => undefined);

const filters = (values: Record<string, string[]>): Filters => new Filters(new Map(Object.entries(values)));
const ids = (here: TestImages, values: Record<string, string[]>, all = false): string[] =>
  here.images.list({ filters: filters(values), all }).map(({ Id }) => Id ?? "");
const actions = (here: TestImages): string[] => here.events.map(({ Action }) => Action);

test("list: sizes, names, order and every filter", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1", "registry.test/app:2"] }, { image: tool, tags: [] });
  const [first, second] = here.images.list({ sharedSize: true });
  assert.deepEqual(first, {
    Id: tool.id,
    ParentId: "",
    RepoTags: [],
    RepoDigests: [],
    Created: Date.parse("2024-01-03") / 1000,
    Size: 103,
    SharedSize: 100,
    Labels: { kind: "tool" },
    Containers: 0,
  });
  assert.deepEqual(second?.RepoTags, ["app:1", "registry.test/app:2"]);
  assert.equal(here.images.list()[0]?.SharedSize, -1);
  const cases: [Record<string, string[]>, string[]][] = [
    [{ dangling: ["true"] }, [tool.id]],
    [{ dangling: ["false"] }, [app.id]],
    [{ label: ["kind"] }, [tool.id]],
    [{ label: ["kind=tool"] }, [tool.id]],
    [{ label: ["kind=else"] }, []],
    [{ reference: ["app"] }, [app.id]],
    [{ reference: ["a*:1"] }, [app.id]],
    [{ reference: ["registry.test/*"] }, [app.id]],
    [{ reference: ["*test*"] }, []],
    [{ before: [tool.id] }, [app.id]],
    [{ since: ["app:1"] }, [tool.id]],
    [{ until: ["2024-01-02T12:00:00Z"] }, [app.id]],
    [{ until: ["1704153600"] }, []],
    [{ until: ["1h"] }, [tool.id, app.id]],
  ];
  for (const [values, expected] of cases) assert.deepEqual(ids(here, values), expected, JSON.stringify(values));
  assert.deepEqual(here.images.list({ filters: filters({ reference: ["app"] }) })[0]?.RepoTags, ["app:1"]);
  assert.throws(() => ids(here, { nope: ["1"] }), { kind: "invalid-parameter", message: "invalid filter 'nope'" });
  assert.throws(() => ids(here, { before: ["nope"] }), { kind: "not-found", message: "No such image: nope:latest" });
  assert.throws(() => ids(here, { reference: ["[a"] }), { message: "syntax error in pattern" });
});

test("find: by id, its start, name and digest", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app"].map((name) => `${name}:latest`) });
  for (const name of [app.id, app.id.slice(7), app.id.slice(7, 12), "app", "app:latest", "docker.io/library/app"])
    assert.equal(here.images.find(name)?.id, app.id, name);
  for (const name of ["nope", "app:2", "", "UPPER", `sha256:${"0".repeat(64)}`])
    assert.equal(here.images.find(name), undefined, name);
  assert.throws(() => here.images.get("nope"), { kind: "not-found", message: "No such image: nope:latest" });
  assert.throws(() => here.images.get(`sha256:${"0".repeat(64)}`), {
    message: `No such image: sha256:${"0".repeat(64)}`,
  });
  assert.throws(() => here.images.get("app", { os: "linux", architecture: "s390x" }), {
    kind: "not-found",
    message:
      /^image with reference app was found but its platform \(linux\/\w+\) does not match the specified platform \(linux\/s390x\)$/,
  });
});

test("tag: moves names, refuses what could be a digest", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1"] }, { image: tool, tags: [] });
  here.images.tag("app:1", "other", "");
  here.images.tag(tool.id, "app", "1");
  assert.deepEqual(here.images.get(app.id).repoTags, ["other:latest"]);
  assert.deepEqual(here.images.get(tool.id).repoTags, ["app:1"]);
  assert.deepEqual(actions(here).slice(-2), ["tag", "tag"]);
  const event = here.events.at(-1);
  assert.deepEqual(event?.Actor, { ID: tool.id, Attributes: { kind: "tool", name: "app:1" } });
  assert.notEqual(here.images.inspect(tool.id).Metadata?.LastTagTime, "0001-01-01T00:00:00Z");
  const refused: [string, string, string][] = [
    ["sha256", "x", "refusing to create an ambiguous tag using digest algorithm as name"],
    [`x@${app.id}`, "", "cannot import digest reference"],
    ["x", "no spaces", "invalid tag format"],
  ];
  for (const [repo, tag, message] of refused)
    assert.throws(() => here.images.tag("app:1", repo, tag), { kind: "invalid-parameter", message });
});

test("inspect and history in the shape of 1.51", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1"] });
  const { Created, Config, Id, RootFS, Os, Architecture, Size, GraphDriver, ...rest } = here.images.inspect("app:1");
  assert.deepEqual([Id, Created, Os, Size], [app.id, "2024-01-02T00:00:00Z", "linux", 120]);
  assert.ok(Architecture === "amd64" || Architecture === "arm64");
  assert.equal(GraphDriver?.Name, "overlay2");
  assert.deepEqual(Object.keys(GraphDriver?.Data ?? {}).sort(), ["LowerDir", "MergedDir", "UpperDir", "WorkDir"]);
  assert.deepEqual(RootFS, { Type: "layers", Layers: app.layers.map(({ diffId }) => diffId) });
  assert.deepEqual(rest, {
    RepoTags: ["app:1"],
    RepoDigests: [],
    Parent: "",
    Comment: "",
    DockerVersion: "",
    Author: "",
    Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
  });
  assert.deepEqual(Config, {
    Cmd: ["sh"],
    Entrypoint: null,
    Env: ["PATH=/bin"],
    Labels: { maker: "test" },
    OnBuild: null,
    User: "",
    Volumes: null,
    WorkingDir: "",
  });
  assert.deepEqual(here.images.history("app:1"), [
    { Id: app.id, Created: 1714979289, CreatedBy: "step 1", Tags: ["app:1"], Size: 20, Comment: "" },
    { Id: "<missing>", Created: 1714979289, CreatedBy: "step 0", Tags: null, Size: 100, Comment: "" },
  ]);
});

test("remove: names go one by one, the image and its own layers with the last", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1", "app:2"] }, { image: tool, tags: ["tool:1"] });
  const options = { force: false, prune: true };
  await assert.rejects(here.images.remove(app.id, options), {
    kind: "conflict",
    message: `conflict: unable to delete ${app.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
  });
  assert.deepEqual(await here.images.remove("app:1", options), [{ Untagged: "app:1" }]);
  const top = here.images.get(app.id).chainId;
  assert.deepEqual(await here.images.remove("app:2", options), [
    { Untagged: "app:2" },
    { Deleted: app.id },
    { Deleted: top },
  ]);
  assert.equal(here.layers.all().length, 2);
  assert.deepEqual(actions(here).slice(-3), ["untag", "untag", "delete"]);
  await assert.rejects(here.images.remove("app:2", options), { kind: "not-found", message: "No such image: app:2" });
  const rest = await here.images.remove(tool.id.slice(7, 20), options);
  assert.deepEqual(rest.slice(0, 2), [{ Untagged: "tool:1" }, { Deleted: tool.id }]);
  assert.equal(rest.length, 4);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

test("remove: by id with several names only by force, and then all of them", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1", "other:1"] });
  const removed = await here.images.remove(app.id, { force: true, prune: true });
  assert.deepEqual(removed.slice(0, 3), [{ Untagged: "app:1" }, { Untagged: "other:1" }, { Deleted: app.id }]);
});

test("remove: what containers use stays, in Docker's words", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1", "app:2"] });
  const id = app.id.slice(7, 19);
  const user = "c0ffee".padEnd(64, "0");
  const [soft, hard] = [
    { force: false, prune: true },
    { force: true, prune: true },
  ];
  here.images.users = () => new Map([[app.id, { running: [], stopped: [user], mounting: [] }]]);
  assert.deepEqual(await here.images.remove("app:2", soft), [{ Untagged: "app:2" }]);
  await assert.rejects(here.images.remove("app:1", soft), {
    kind: "conflict",
    message: `conflict: unable to remove repository reference "app:1" (must force) - container c0ffee000000 is using its referenced image ${id}`,
  });
  await assert.rejects(here.images.remove(app.id, soft), {
    message: `conflict: unable to delete ${id} (must be forced) - image is being used by stopped container c0ffee000000`,
  });
  here.images.users = () => new Map([[app.id, { running: [user], stopped: [], mounting: [] }]]);
  await assert.rejects(here.images.remove(app.id, hard), {
    message: `conflict: unable to delete ${id} (cannot be forced) - image is being used by running container c0ffee000000`,
  });
  assert.deepEqual(await here.images.remove("app:1", hard), [{ Untagged: "app:1" }]);
  assert.equal(here.images.get(app.id).id, app.id);
  here.images.users = () => new Map([[app.id, { running: [], stopped: [user], mounting: [] }]]);
  assert.deepEqual((await here.images.remove(app.id, hard))[0], { Deleted: app.id });
});

test("prune: dangling ones, by label and time, or all that are not used", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1"] }, { image: tool, tags: [] });
  assert.deepEqual(await here.images.prune(filters({ "label!": ["kind=tool"] })), {
    ImagesDeleted: null,
    SpaceReclaimed: 0,
  });
  assert.deepEqual(await here.images.prune(filters({ until: ["2024-01-02T12:00:00Z"] })), {
    ImagesDeleted: null,
    SpaceReclaimed: 0,
  });
  const dangling = await here.images.prune();
  assert.deepEqual([dangling.ImagesDeleted?.[0], dangling.SpaceReclaimed], [{ Deleted: tool.id }, 3]);
  assert.deepEqual(here.events.at(-1)?.Actor, { ID: "", Attributes: { reclaimed: "3" } });
  here.images.users = () => new Map([[app.id, { running: [], stopped: ["c"], mounting: [] }]]);
  assert.equal((await here.images.prune(filters({ dangling: ["false"] }))).ImagesDeleted, null);
  here.images.users = () => new Map([[app.id, { running: [], stopped: [], mounting: [] }]]);
  const all = await here.images.prune(filters({ dangling: ["false"] }));
  assert.deepEqual(all.ImagesDeleted?.slice(0, 2), [{ Untagged: "app:1" }, { Deleted: app.id }]);
  assert.equal(all.SpaceReclaimed, 120);
});

test("prune: names of images that others were made on go in the same run, and stay while those are used", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1"] });
  const commit = (parentImageId: string, repo: string): Promise<string> =>
    here.images.commit({
      containerConfig: { Cmd: ["sh", "-c", repo] },
      parentImageId,
      diff: Readable.from([tar([{ name: repo, content: repo }])]),
      author: "",
      comment: "",
      changes: [],
      repo,
      tag: "1",
    });
  const child = await commit(app.id, "child");
  const grandchild = await commit(child, "grandchild");
  here.images.users = () => new Map([[grandchild, { running: ["c"], stopped: [], mounting: [] }]]);
  const used = await here.images.prune(filters({ dangling: ["false"] }));
  assert.deepEqual(
    used.ImagesDeleted?.map(({ Untagged }) => Untagged).sort(),
    ["app:1", "child:1"],
    "nothing is deleted that an image is made on",
  );
  assert.equal(here.images.get(app.id).id, app.id);
  here.images.tag(app.id, "app", "1");
  here.images.users = () => new Map();
  await here.images.prune(filters({ dangling: ["false"] }));
  assert.deepEqual(here.images.list({ all: true }), []);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

const importOptions = { repo: "made", tag: "1", message: "by hand", changes: [] as string[] };

test("import: one layer, changes applied, tagged", async () => {
  await using here = openImages();
  const archive = tar([{ name: "hello", content: "world" }]);
  const changes = ["CMD echo hi", 'ENV A=1 B="two words"\nLABEL x=y', "EXPOSE 80 53/udp", "USER me", "WORKDIR /srv"];
  const told: unknown[] = [];
  const id = await here.images.import(Readable.from([gzipSync(archive)]), { ...importOptions, changes }, (message) =>
    told.push(message),
  );
  assert.deepEqual(told, [{ status: id }]);
  assert.deepEqual(here.images.get("made:1").config.rootfs.diff_ids, [digestOf(archive)]);
  const { Config, Comment } = here.images.inspect(id);
  assert.equal(Comment, "by hand");
  assert.deepEqual(Config, {
    Cmd: ["/bin/sh", "-c", "echo hi"],
    Entrypoint: null,
    Env: ["A=1", "B=two words"],
    ExposedPorts: { "53/udp": {}, "80/tcp": {} },
    Labels: { x: "y" },
    OnBuild: null,
    User: "me",
    Volumes: null,
    WorkingDir: "/srv",
  });
  assert.equal(digestOf(await here.blobs.read(id)), id);
  assert.deepEqual(actions(here), ["tag", "import"]);
  await assert.rejects(
    here.images.import(Readable.from([archive]), { ...importOptions, changes: ["RUN x"] }, () => undefined),
    { kind: "invalid-parameter", message: "RUN is not a valid change command" },
  );
});

test("commit: a layer on its parent, or none when nothing changed; history and removal follow the parent", async () => {
  await using here = openImages();
  await load(here, { image: app, tags: ["app:1"] });
  const input = {
    containerConfig: { Cmd: ["sh", "-c", "x"], Env: ["A=1"], Labels: { from: "container" } },
    parentImageId: app.id,
    author: "me",
    comment: "because",
    changes: ["ENV B=$A"],
    repo: "child",
    tag: "1",
  };
  const diff = tar([{ name: "new", content: "12345" }]);
  const id = await here.images.commit({ ...input, diff: Readable.from([diff]) });
  const found = here.images.inspect("child:1");
  assert.deepEqual(
    [found.Id, found.Parent, found.Author, found.Comment, found.Size],
    [id, app.id, "me", "because", 125],
  );
  assert.deepEqual(
    [found.Config?.Env, found.Config?.Cmd],
    [
      ["A=1", "B=1"],
      ["sh", "-c", "x"],
    ],
  );
  assert.deepEqual(found.RootFS?.Layers, [...app.layers.map(({ diffId }) => diffId), digestOf(diff)]);
  assert.deepEqual(
    here.images
      .history(id)
      .map(({ Id, CreatedBy }) => [Id, CreatedBy])
      .slice(0, 2),
    [
      [id, "sh -c x"],
      [app.id, "step 1"],
    ],
  );
  assert.deepEqual(actions(here).slice(-2), ["create", "tag"]);
  const same = await here.images.commit({ ...input, repo: "", tag: "", diff: Readable.from([tar([])]) });
  assert.deepEqual(
    here.images.get(same).config.rootfs.diff_ids,
    app.layers.map(({ diffId }) => diffId),
  );
  assert.equal(here.images.get(same).config.history?.at(-1)?.empty_layer, true);
  await here.images.remove(same, { force: false, prune: true });
  await assert.rejects(here.images.remove(app.id, { force: true, prune: true }), {
    message: `conflict: unable to delete ${app.id.slice(7, 19)} (cannot be forced) - image has dependent child images`,
  });
  await here.images.remove("app:1", { force: false, prune: true });
  const removed = await here.images.remove("child:1", { force: false, prune: true });
  assert.deepEqual(removed.filter(({ Deleted }) => Deleted === id || Deleted === app.id).length, 2);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});
