import { get, group, post, type Step } from "../step.ts";
import { created, sleeper } from "./make.ts";

const json = { "Content-Type": "application/json" };
const sent = (
  name: string,
  path: string,
  body: string,
  headers: Record<string, string> = json,
  query: Record<string, unknown> = {},
): Step => ({
  ...post(path, undefined, query, { name }),
  headers,
  body,
});
const bodies: [string, string][] = [
  ["nothing", ""],
  ["cut short", '{"Image":'],
  ["no JSON", "nonsense"],
  ["null", "null"],
  ["a list", "[]"],
  ["a string", '"x"'],
  ["a number", "1"],
  ["two values", '{"Image":"busybox"}{"Image":"busybox"}'],
  ["trailing text", '{"Image":"missing"} x'],
  ["unknown keys", '{"Image":"missing","Nonsense":1}'],
  ["other case", '{"image":"missing","hostconfig":{}}'],
  ["a wrong type", '{"Image":1}'],
  ["a wrong type below", '{"Image":"busybox","HostConfig":{"Memory":"x"}}'],
  ["a wrong list", '{"Image":"busybox","Env":"x"}'],
  ["a wrong map", '{"Image":"busybox","Labels":["x"]}'],
  ["a wrong boolean", '{"Image":"busybox","Tty":"yes"}'],
  ["a fraction", '{"Image":"busybox","HostConfig":{"Memory":1.5}}'],
  ["too large a number", '{"Image":"busybox","HostConfig":{"Memory":1e30}}'],
  ["bad UTF-8 escape", '{"Image":"\\ud800"}'],
  ["a control character", '{"Image":"a\u0001b"}'],
];
const others: [string, string][] = [
  ["network", "/networks/create"],
  ["volume", "/volumes/create"],
  ["exec", "/containers/target/exec"],
  ["update", "/containers/target/update"],
  ["connect", "/networks/bridge/connect"],
  ["disconnect", "/networks/bridge/disconnect"],
  ["exec start", "/exec/none-such/start"],
  ["auth", "/auth"],
  ["commit", "/commit"],
];

export const badInput = group("bad-input", [
  ...created("target", sleeper),
  ...bodies.map(([name, body]) => sent(`create with ${name}`, "/containers/create", body)),
  sent("create as text", "/containers/create", '{"Image":"missing"}', { "Content-Type": "text/plain" }),
  sent("create without a type", "/containers/create", '{"Image":"missing"}', {}),
  sent("create with a charset", "/containers/create", '{"Image":"missing"}', {
    "Content-Type": "application/json; charset=utf-8",
  }),
  sent("create as broken type", "/containers/create", '{"Image":"missing"}', { "Content-Type": "application/json; =" }),
  sent("create in upper case type", "/containers/create", '{"Image":"missing"}', {
    "Content-Type": "Application/JSON",
  }),
  {
    ...sent("create chunked", "/containers/create", '{"Image":"missing"}'),
    headers: { ...json, "Transfer-Encoding": "chunked" },
  },
  ...others.flatMap(([name, path]) => [
    sent(`${name}: cut short`, path, "{", json, name === "commit" ? { container: "target" } : {}),
    sent(`${name}: a list`, path, "[]", json, name === "commit" ? { container: "target" } : {}),
    sent(
      `${name}: as text`,
      path,
      "{}",
      { "Content-Type": "text/plain" },
      name === "commit" ? { container: "target" } : {},
    ),
    sent(`${name}: two values`, path, "{}{}", json, name === "commit" ? { container: "target" } : {}),
  ]),
  sent("start with a body", "/containers/target/start", '{"nonsense":1}'),
  sent("start with an empty object", "/containers/target/start", "{}"),
  get(`/containers/${"x".repeat(300)}/json`),
  get("/containers/%00/json"),
  get("/containers/..%2f..%2fetc/json"),
  get("/containers/a%20b/json"),
  get("/images/..%2f..%2fetc/json"),
  get("/volumes/..%2f..%2fetc"),
  get("/networks/..%2f..%2fetc"),
  get("/exec/..%2f/json"),
  get("/containers/<target>x/json"),
  get("/containers/json", { limit: "99999999999999999999" }),
  post("/containers/target/stop", undefined, { t: "1.5" }),
  post("/containers/target/resize", undefined, { h: "-1", w: "1" }),
  post("/containers/target/wait", undefined, { condition: "x" }),
  post(
    "/containers/create",
    { Image: "busybox", HostConfig: { Memory: Number.MAX_SAFE_INTEGER } },
    {},
    { name: "memory beyond the machine" },
  ),
]);
