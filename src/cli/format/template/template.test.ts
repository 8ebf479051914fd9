import assert from "node:assert/strict";
import { test } from "node:test";
import { Template } from "./template.ts";

const data = {
  Id: "sha256:abc",
  Empty: "",
  List: ["a", "b"],
  Map: { b: "2", a: "1" },
  Nested: { Deep: { Value: 7 } },
  Nothing: null,
  Yes: true,
};

const cases: [string, string][] = [
  ["plain", "plain"],
  ["{{.Id}}", "sha256:abc"],
  ["{{ .Nested.Deep.Value }}!", "7!"],
  ["{{.List}} {{.Map}} {{.Nothing}}", "[a b] map[a:1 b:2] <no value>"],
  ["{{json .Map}} {{json .Nothing}}", '{"b":"2","a":"1"} null'],
  ['{{join .List ", "}}', "a, b"],
  ['{{.Id | upper | printf "%-12s|"}}', "SHA256:ABC  |"],
  ["{{range .List}}<{{.}}>{{end}}", "<a><b>"],
  ["{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"],
  ["{{range $i, $v := .List}}{{$i}}{{end}}", "01"],
  ["{{range .Nothing}}x{{else}}none{{end}}", "none"],
  ["{{if .Empty}}a{{else if .Yes}}b{{else}}c{{end}}", "b"],
  ["{{with .Nested}}{{.Deep.Value}} {{$.Id}}{{end}}", "7 sha256:abc"],
  ["{{$x := .Id}}{{$x}}", "sha256:abc"],
  ['{{index .Map "a"}} {{index .List 1}} {{len .List}}', "1 b 2"],
  ["{{(index .List 0)}} {{(.Nested).Deep.Value}}", "a 7"],
  ['{{eq .Id "x" "sha256:abc"}} {{ne 1 2}} {{and .Yes .Empty}} {{or .Empty "z"}} {{not .Yes}}', "true true  z false"],
  ["a  {{- 1 -}}  b", "a1b"],
  ["a{{/* nothing */}}b", "ab"],
  ['{{"tab\\t"}}{{`raw\\t`}}', "tab\traw\\t"],
  ['{{truncate .Id 3}}{{title "one two"}}{{pad "x" 1 2}}|', "shaOne Two x  |"],
  ['{{printf "%q %d %5.2f %x %v%%" "s" 4 1.5 255 .List}}', '"s" 4  1.50 ff [a b]%'],
  ['{{lt 1 2}}{{ge 2 2}}{{split "a:b" ":"}}', "truetrue[a b]"],
];

for (const [source, expected] of cases) test(source, () => assert.equal(new Template(source).run(data), expected));

test("what cannot be read or does not fit is told", () => {
  const wrong: [string, RegExp][] = [
    ["{{.Id", /unclosed action/],
    ["{{if .Id}}x", /unexpected EOF/],
    ["{{end}}", /unexpected \{\{end\}\}/],
    ["{{}}", /missing value for command/],
    ["{{.Missing}}", /map has no entry for key "Missing"/],
    ["{{.Id.X}}", /can't evaluate field X/],
    ["{{nope .Id}}", /function "nope" not defined/],
    ["{{$y}}", /undefined variable "\$y"/],
    ["{{(.Id}}", /unclosed left paren/],
    ["{{constructor}}", /function "constructor" not defined/],
    ["{{.constructor}}", /map has no entry/],
  ];
  for (const [source, message] of wrong) assert.throws(() => new Template(source).run(data), { message }, source);
});
