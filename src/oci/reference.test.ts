import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReference } from "./reference.ts";

const hex = "a".repeat(64);

test("names are normalised and written short again", () => {
  const table: [text: string, full: string, familiar: string][] = [
    ["busybox", "docker.io/library/busybox", "busybox"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["user/app", "docker.io/user/app", "user/app"],
    ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"],
    ["localhost/app", "localhost/app", "localhost/app"],
    ["localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"],
    ["Registry/app", "Registry/app", "Registry/app"],
    ["[::1]:5000/a/b", "[::1]:5000/a/b", "[::1]:5000/a/b"],
    [`a/b/c@sha256:${hex}`, `docker.io/a/b/c@sha256:${hex}`, `a/b/c@sha256:${hex}`],
    [`a:t@sha256:${hex}`, `docker.io/library/a:t@sha256:${hex}`, `a:t@sha256:${hex}`],
    ["a__b/c---d", "docker.io/a__b/c---d", "a__b/c---d"],
  ];
  for (const [text, full, familiar] of table) {
    assert.equal(parseReference(text).toString(), full, text);
    assert.equal(parseReference(text).familiar(), familiar, text);
    assert.equal(parseReference(familiar).toString(), full, familiar);
  }
});

test("wrong references get Docker's words", () => {
  const table: [text: string, message: string][] = [
    ["", "invalid reference format"],
    [":tag", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["-a", "invalid reference format"],
    ["a:", "invalid reference format"],
    [`a:${"t".repeat(129)}`, "invalid reference format"],
    ["busyBox", "invalid reference format: repository name (library/busyBox) must be lowercase"],
    ["user/App:x", "invalid reference format: repository name (user/App) must be lowercase"],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
    [`host.x/${"a".repeat(256)}`, "repository name must not be more than 255 characters"],
    [`a@sha256:${"a".repeat(32)}`, "invalid checksum digest length"],
    [`a@md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
    ["a".repeat(5000), "invalid reference format"],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseReference(text), { kind: "invalid-parameter", message }, text);
  }
});

test("a tag is filled in only where there is neither tag nor digest", () => {
  assert.equal(parseReference("a").withDefaultTag().familiar(), "a:latest");
  assert.equal(parseReference("a:b").withDefaultTag().familiar(), "a:b");
  assert.equal(parseReference(`a@sha256:${hex}`).withDefaultTag().familiar(), `a@sha256:${hex}`);
  assert.throws(() => parseReference("a").withTag("x y"), { message: "invalid tag format" });
});
