import assert from "node:assert/strict";
import { test } from "node:test";
import { containerCreate, containerUpdate } from "./container.ts";
import { decodeBody } from "./decode.ts";
import { execCreate } from "./exec.ts";
import { networkCreate } from "./network.ts";
import type { Shape } from "./shape.ts";
import { volumeCreate } from "./volume.ts";

const decode = <T>(shape: Shape<T>, text: string): T => decodeBody(shape, text, "application/json");
const refusal = (text: string, shape: Shape = containerCreate): string => {
  try {
    decode(shape, text);
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
};

// Recorded from dockerd 28.5.
const syntax: [body: string, message: string][] = [
  ["{", "unexpected EOF"],
  ['{"a"', "unexpected EOF"],
  ['{"a":', "unexpected EOF"],
  ['{"a":1', "unexpected EOF"],
  ['{"a":1,', "unexpected EOF"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ["[1", "unexpected EOF"],
  ["nul", "unexpected EOF"],
  ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['{"a":"x', "unexpected EOF"],
  ['{"a":"x\ny"}', "invalid character '\\n' in string"],
  ['{"a":01}', "invalid character '1' after object key:value pair"],
  ['{"a":-}', "invalid character '}' in numeric literal"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['{"a":"\\q"}', "invalid escape sequence `\\q` in string"],
  ['{"a":"\\u12x"}', 'invalid escape sequence `\\u12x"` in string'],
  ["x", "invalid character 'x' looking for beginning of value"],
  ['{"a":1.}', "invalid character '}' in numeric literal"],
];

test("what is no JSON, in dockerd's words", () => {
  for (const [body, message] of syntax) assert.equal(refusal(body), `invalid JSON: ${message}`, body);
  assert.equal(refusal("{} x"), "unexpected content after JSON");
  assert.equal(refusal("{}{}"), "unexpected content after JSON");
  assert.equal(refusal(""), "invalid JSON: got EOF while reading request body");
});

// Recorded from dockerd 28.5.
const types: [body: string, message: string][] = [
  ['{"Tty":1}', "number into Go struct field .Tty of type bool"],
  ['{"Image":5}', "number into Go struct field .Image of type string"],
  ['{"Labels":[]}', "array into Go struct field .Labels of type map[string]string"],
  ['{"Labels":{"a":1}}', "number into Go struct field .Labels.a of type string"],
  ['{"Env":"x"}', "string into Go struct field .Env of type []string"],
  ['{"Env":[1]}', "number into .Env.0 of type string"],
  ['{"HostConfig":{"Memory":"x"}}', "string into Go struct field .HostConfig.Memory of type int64"],
  ['{"HostConfig":{"Memory":1.5}}', "number 1.5 into Go struct field .HostConfig.Memory of type int64"],
  ['{"HostConfig":{"Ulimits":{}}}', "object into Go struct field .HostConfig.Ulimits of type []*units.Ulimit"],
  ['{"HostConfig":[]}', "array into Go struct field .HostConfig of type container.HostConfig"],
  [
    '{"HostConfig":{"RestartPolicy":{"Name":1}}}',
    "number into Go struct field .HostConfig.RestartPolicy.Name of type container.RestartPolicyMode",
  ],
  ['{"ExposedPorts":{"x":1}}', "number into Go struct field .ExposedPorts.x of type struct {}"],
  ['{"ExposedPorts":[]}', "array into Go struct field .ExposedPorts of type nat.PortSet"],
  [
    '{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
    "number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string",
  ],
  [
    '{"HostConfig":{"PortBindings":{"80/tcp":{}}}}',
    "object into Go struct field .HostConfig.PortBindings.80~1tcp of type []nat.PortBinding",
  ],
  [
    '{"HostConfig":{"Mounts":[{"Type":1}]}}',
    "number into Go struct field .HostConfig.Mounts.0.Type of type mount.Type",
  ],
  ['{"HostConfig":{"Mounts":{}}}', "object into Go struct field .HostConfig.Mounts of type []mount.Mount"],
  [
    '{"NetworkingConfig":{"EndpointsConfig":{"x":{"Aliases":"a"}}}}',
    "string into Go struct field .NetworkingConfig.EndpointsConfig.x.Aliases of type []string",
  ],
  ['{"Healthcheck":{"Interval":"x"}}', "string into Go struct field .Healthcheck.Interval of type time.Duration"],
  ['{"StopTimeout":"x"}', "string into Go struct field .StopTimeout of type int"],
  ["[]", "array into Go value of type container.CreateRequest"],
];

test("wrong types, in dockerd's words", () => {
  for (const [body, message] of types) assert.equal(refusal(body), `invalid JSON: json: cannot unmarshal ${message}`);
  const others: [Shape, string, string][] = [
    [volumeCreate, '{"Name":1}', "number into Go struct field CreateOptions.Name of type string"],
    [networkCreate, '{"IPAM":1}', "number into Go struct field CreateRequest.IPAM of type network.IPAM"],
    [
      networkCreate,
      '{"IPAM":{"Config":{}}}',
      "object into Go struct field CreateRequest.IPAM.Config of type []network.IPAMConfig",
    ],
    [containerUpdate, '{"Memory":"x"}', "string into Go struct field UpdateConfig.Memory of type int64"],
    [execCreate, '{"Cmd":"x"}', "string into Go struct field ExecOptions.Cmd of type []string"],
  ];
  for (const [shape, body, message] of others) {
    assert.equal(refusal(body, shape), `invalid JSON: json: cannot unmarshal ${message}`);
  }
});

test("a command may be one string; a number that does not fit is refused", () => {
  assert.deepEqual(decode(containerCreate, '{"Cmd":"a","Entrypoint":["b","c"]}'), {
    Cmd: ["a"],
    Entrypoint: ["b", "c"],
  });
  assert.match(
    refusal('{"HostConfig":{"Memory":99999999999999999999}}'),
    /into Go struct field \.HostConfig\.Memory of type int64$/,
  );
  assert.match(refusal('{"HostConfig":{"BlkioWeight":65536}}'), /number 65536 into .* of type uint16$/);
});

test("keys in any case, unknown ones dropped, the user's own untouched, null as absent", () => {
  assert.deepEqual(
    decode(
      containerCreate,
      '{"image":"x","HOSTCONFIG":{"memory":5,"nope":1},"labels":{"Image":"y","__proto__":"z"},"Env":null,"Unknown":{}}',
    ),
    { Image: "x", HostConfig: { Memory: 5 }, Labels: JSON.parse('{"Image":"y","__proto__":"z"}') },
  );
  assert.deepEqual(decode(containerCreate, "null"), {});
  assert.deepEqual(decode(containerCreate, '{"Image":"a","image":"b"}'), { Image: "b" });
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test("the type must say JSON", () => {
  const type = (contentType: string | undefined): string => {
    try {
      decodeBody(containerCreate, "{}", contentType);
    } catch (error) {
      return (error as Error).message;
    }
    return "accepted";
  };
  assert.equal(type("application/json; charset=utf-8"), "accepted");
  assert.equal(type("Application/JSON"), "accepted");
  assert.equal(type("text/plain"), "unsupported Content-Type header (text/plain): must be 'application/json'");
  assert.equal(
    type("application/json; ="),
    "malformed Content-Type header (application/json; =): mime: invalid media parameter",
  );
  assert.equal(type(undefined), "malformed Content-Type header (): mime: no media type");
});
