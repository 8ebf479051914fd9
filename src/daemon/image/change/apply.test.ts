import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageConfig } from "../../../wire/engine/image.ts";
import { applyChanges } from "./apply.ts";
import { mergeConfig } from "./merge.ts";

const cases: [string, ImageConfig, string[], ImageConfig][] = [
  ["shell form", {}, ["CMD echo  hi"], { Cmd: ["/bin/sh", "-c", "echo  hi"] }],
  ["exec form", {}, ['cmd ["a", "b c"]'], { Cmd: ["a", "b c"] }],
  ["no command", {}, ["CMD"], { Cmd: ["/bin/sh", "-c"] }],
  ["the base's shell", { Shell: ["ash"] }, ["CMD x"], { Shell: ["ash"], Cmd: ["ash", "x"] }],
  [
    "an entrypoint drops the base's command",
    { Cmd: ["x"] },
    ["ENTRYPOINT a"],
    { Cmd: null, Entrypoint: ["/bin/sh", "-c", "a"] },
  ],
  ["but not one of its own", {}, ["CMD b", 'ENTRYPOINT ["a"]'], { Cmd: ["/bin/sh", "-c", "b"], Entrypoint: ["a"] }],
  [
    "variables and quotes",
    { Env: ["A=1"] },
    ["ENV A=2 B=\"x $A\" C='$A' D=a\\ b"],
    { Env: ["A=2", "B=x 1", "C=$A", "D=a b"] },
  ],
  ["old form", {}, ["ENV K v  w"], { Env: ["K=v  w"] }],
  ["defaults", { Env: ["E="] }, ["ENV A=${E:-x} B=${U:+y} C=${A-z}"], { Env: ["E=", "A=x", "B=", "C=z"] }],
  [
    "ports",
    {},
    ["EXPOSE 80 53/UDP 1000-1002"],
    { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "1000/tcp": {}, "1001/tcp": {}, "1002/tcp": {} } as never },
  ],
  ["labels", { Labels: { a: "b" } }, ['LABEL x="1 2" y=z'], { Labels: { a: "b", x: "1 2", y: "z" } }],
  ["working directories", { WorkingDir: "/a" }, ["WORKDIR b", "WORKDIR ../c"], { WorkingDir: "/a/c" }],
  ["volumes", {}, ['VOLUME ["/a b"]', "VOLUME /c /d"], { Volumes: { "/a b": {}, "/c": {}, "/d": {} } as never }],
  ["triggers", {}, ["ONBUILD RUN x"], { OnBuild: ["RUN x"] }],
  [
    "health",
    {},
    ["HEALTHCHECK --interval=1m30s --retries=2 CMD curl x"],
    { Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 90_000_000_000, Retries: 2 } },
  ],
  ["no health", {}, ["healthcheck none"], { Healthcheck: { Test: ["NONE"] } }],
  ["comments and continued lines", {}, ["# x\nUSER \\\n me\n\nSTOPSIGNAL 9"], { User: "me", StopSignal: "9" }],
];
for (const [what, config, changes, expected] of cases)
  test(`changes: ${what}`, () => assert.deepEqual(applyChanges(config, changes), expected));

const refused: [string, string][] = [
  ["RUN x", "RUN is not a valid change command"],
  ["toString x", "toString is not a valid change command"],
  ["USER", "USER requires exactly one argument"],
  ["USER a b", "USER requires exactly one argument"],
  ["ENV", "ENV requires at least one argument"],
  ["ENV a", "ENV must have two arguments"],
  ["ENV a=1 b", `Syntax error - can't find = in "b". Must be of the form: name=value`],
  ["EXPOSE x", "Invalid containerPort: x"],
  ["EXPOSE 80/foo", "Invalid proto: foo"],
  ["EXPOSE 9-1", "Invalid containerPort: 9-1"],
  ["STOPSIGNAL NOPE", "invalid signal: NOPE"],
  ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["HEALTHCHECK x", 'Unknown type "X" in HEALTHCHECK (try CMD)'],
  ["ENV a='x", "unexpected end of statement while looking for matching quote"],
];
for (const [change, message] of refused)
  test(`refused: ${change}`, () =>
    assert.throws(() => applyChanges({}, [change]), { kind: "invalid-parameter", message }));

test("changes do not touch the config they start from", () => {
  const config: ImageConfig = { Env: ["A=1"], Labels: { a: "b" } };
  applyChanges(config, ["ENV A=2", "LABEL a=c"]);
  assert.deepEqual(config, { Env: ["A=1"], Labels: { a: "b" } });
});

test("a config is filled from another as a commit's is from its container", () => {
  const base: ImageConfig = {
    User: "u",
    Env: ["A=1", "B=2"],
    Cmd: ["c"],
    Entrypoint: ["e"],
    Labels: { x: "1", y: "1" },
  };
  const merged = mergeConfig({ Env: ["A=3"], Labels: { x: "2" } }, base);
  assert.deepEqual(merged, {
    User: "u",
    Env: ["A=3", "B=2"],
    Cmd: ["c"],
    Entrypoint: ["e"],
    Labels: { x: "2", y: "1" },
    WorkingDir: "",
  });
  assert.equal(mergeConfig({ Entrypoint: ["other"] }, base).Cmd, undefined);
});
