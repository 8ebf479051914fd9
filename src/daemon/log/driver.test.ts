import assert from "node:assert/strict";
import { test } from "node:test";
import { logAttributes } from "./attributes.ts";
import { defaultLogConfig, logSettings, validateLogConfig } from "./driver.ts";

const create = (Type: string, Config: Record<string, string>) => () => validateLogConfig({ Type, Config });
const start = (Type: string, Config: Record<string, string>) => () => logSettings({ Type, Config });

// Messages recorded from dockerd 28.5.2.
const refusedAtCreate: [string, Record<string, string>, string][] = [
  ["json-file", { nope: "1" }, "unknown log opt 'nope' for json-file log driver"],
  ["local", { nope: "1" }, "unknown log opt 'nope' for log driver local"],
  ["local", { tag: "x" }, "unknown log opt 'tag' for log driver local"],
  ["json-file", { mode: "x" }, "logger: logging mode not supported: x"],
  [
    "json-file",
    { "max-buffer-size": "1m" },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  ["local", { "cache-disabled": "x" }, "invalid value for option cache-disabled: x"],
  ["foo", {}, 'error looking up logging plugin foo: plugin "foo" not found'],
];
const refusedAtStart: [string, Record<string, string>, string][] = [
  ["json-file", { "max-size": "abc" }, "invalid size: 'abc'"],
  ["json-file", { "max-size": "12qq" }, "invalid suffix: 'qq'"],
  ["json-file", { "max-size": "0" }, "max-size must be a positive number"],
  ["json-file", { "max-file": "0" }, "max-file cannot be less than 1"],
  ["json-file", { "max-file": "x" }, 'strconv.Atoi: parsing "x": invalid syntax'],
  ["json-file", { compress: "true" }, "compress cannot be true when max-file is less than 2 or max-size is not set"],
  ["json-file", { compress: "zz" }, 'strconv.ParseBool: parsing "zz": invalid syntax'],
];

test("what creating a container refuses", () => {
  for (const [type, config, message] of refusedAtCreate) assert.throws(create(type, config), { message });
});

test("what starting a container refuses, and creating one does not", () => {
  for (const [type, config, message] of refusedAtStart) {
    create(type, config)();
    assert.throws(start(type, config), { message });
  }
});

test("settings", () => {
  assert.deepEqual(logSettings(defaultLogConfig), { kept: true, maxSizeBytes: 100e6, maxFiles: 10, compress: false });
  assert.deepEqual(logSettings({ Type: "json-file", Config: { "max-size": "-1" } }).maxSizeBytes, null);
  assert.equal(logSettings({ Type: "none", Config: {} }).kept, false);
  const local = logSettings({ Type: "local", Config: { "max-size": "1.5kb" } });
  assert.deepEqual(local, { kept: true, maxSizeBytes: 1500, maxFiles: 5, compress: true });
  create("json-file", { mode: "non-blocking", "max-buffer-size": "4m", "labels-regex": "^a" })();
});

test("attributes are what labels, variables and tag choose", () => {
  const subject = {
    id: "0123456789abcdef",
    name: "web",
    imageId: "sha256:fedcba9876543210",
    imageName: "nginx:1",
    labels: { a: "1", b: "2", "x.y": "3" },
    env: ["E=5", "F", "G=a=b"],
  };
  const options = { labels: "a,zz", "labels-regex": "^x\\.", env: "F,G", tag: "{{.Name}}/{{ .ID }}/{{.ImageID}}" };
  const tag = "web/0123456789ab/fedcba987654";
  assert.deepEqual(logAttributes(options, subject), { a: "1", "x.y": "3", F: "", G: "a=b", tag });
  assert.deepEqual(logAttributes({}, subject), {});
  assert.throws(() => logAttributes({ tag: "{{.Nope}}" }, subject), { kind: "system" });
  assert.throws(() => logAttributes({ "env-regex": "(" }, subject), { kind: "system" });
});
