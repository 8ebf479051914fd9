import { get, group, head, post, type Group, type Step } from "../step.ts";
import { created, ran, sleeper } from "./make.ts";

/** Versions of the API at which the shape of an answer changes; recorded from 28.5, and each older engine at its newest. */
export const apiVersions = [
  "1.24",
  "1.30",
  "1.40",
  "1.41",
  "1.42",
  "1.43",
  "1.44",
  "1.45",
  "1.46",
  "1.47",
  "1.48",
  "1.49",
  "1.50",
  "1.51",
];

const config = {
  ...sleeper,
  Hostname: "box",
  Labels: { color: "red" },
  ExposedPorts: { "80/tcp": {} },
  MacAddress: "02:42:ac:11:00:99",
  HostConfig: {
    PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18084" }] },
    Binds: ["versionvol:/vol"],
    Mounts: [{ Type: "tmpfs", Target: "/tmpfs" }],
    Annotations: { note: "x" },
    Memory: 64 << 20,
    IpcMode: "",
    CgroupnsMode: "",
    ConsoleSize: [10, 20],
  },
};

const questions: Step[] = [
  get("/_ping"),
  head("/_ping"),
  get("/version", {}, { shape: true }),
  get("/info", {}, { shape: true }),
  post("/containers/create", config, { name: "one" }, { capture: { one: "Id" } }),
  post("/containers/one/start"),
  get("/containers/one/json"),
  get("/containers/json"),
  get("/containers/json", { all: 1, size: 1 }),
  get("/containers/json", { filters: { label: ["color=red"] } }),
  get("/containers/one/top", {}, { shape: true }),
  get("/containers/one/stats", { stream: 0 }, { shape: true }),
  get("/containers/one/stats", { stream: 0, "one-shot": 1 }, { shape: true }),
  post(
    "/containers/one/exec",
    { Cmd: ["echo", "x"], AttachStdout: true, ConsoleSize: [1, 2] },
    {},
    { capture: { "one-exec": "Id" } },
  ),
  post("/exec/<one-exec>/start", { ConsoleSize: [1, 2] }, {}, { hijack: { close: true } }),
  get("/exec/<one-exec>/json"),
  get("/containers/said/logs", { stdout: 1 }),
  post("/containers/said/attach", undefined, { logs: 1, stdout: 1 }, { hijack: { close: true } }),
  post("/containers/said/wait"),
  post("/containers/said/wait", undefined, { condition: "nonsense" }),
  post("/containers/one/update", { CpuShares: 512 }),
  post("/containers/one/resize", undefined, { h: 1, w: 1 }),
  get("/images/json"),
  get("/images/json", { "shared-size": 1 }),
  get("/images/json", { filter: "busybox" }),
  get("/images/variant:2/json"),
  get("/images/variant:2/json", { manifests: 1 }),
  get("/images/variant:2/history"),
  get("/networks", { filters: { name: ["bridge"] } }),
  get("/networks/bridge"),
  post(
    "/networks/create",
    { Name: "versionnet", Options: { "com.docker.network.bridge.name": "br-ver" } },
    {},
    { capture: { versionnet: "Id" } },
  ),
  post("/networks/create", { Name: "versionnet" }),
  get("/networks/versionnet"),
  post("/networks/versionnet/connect", { Container: "one", EndpointConfig: { MacAddress: "02:42:ac:11:00:11" } }),
  get("/containers/one/json"),
  get("/volumes"),
  get("/volumes/versionvol"),
  post("/volumes/create", { Name: "versionvol2" }),
  get("/system/df"),
  get("/system/df", { type: "volume" }),
  post("/containers/one/stop", undefined, { t: 2, signal: "SIGKILL" }),
  get("/events", { since: "1", until: "4102444800", filters: { container: ["<one>"] } }, { readMs: 500 }),
  post("/commit", {}, { container: "said", repo: "versioned" }, { capture: { versioned: "Id" } }),
  get("/images/versioned/json"),
  post("/containers/prune"),
  post("/networks/prune"),
  post("/volumes/prune"),
  post("/images/prune"),
  get("/containers/none-such/json"),
  post("/containers/none-such/attach"),
  post("/containers/create", { Image: "none-such" }),
  post("/containers/create", {
    Image: "busybox",
    HostConfig: { Mounts: [{ Type: "volume", Source: "vv", Target: "/x", VolumeOptions: { Subpath: "a" } }] },
  }),
  post("/containers/create", { Image: "busybox", HostConfig: { Binds: ["/none/such:/x:ro-force"] } }),
  post("/containers/create", {
    Image: "busybox",
    Healthcheck: { Test: ["CMD", "true"], StartInterval: 1_000_000_000 },
  }),
  post("/containers/create", {
    Image: "busybox",
    NetworkingConfig: { EndpointsConfig: { bridge: {}, versionnet: {} } },
  }),
];

const prefixed = (version: string, step: Step): Step =>
  step.path === "" ? step : { ...step, path: `/v${version}${step.path}` };

/** The same questions, asked in one version of the API. */
export const inVersion = (version: string): Group =>
  group(`versions-${version}`, [
    ...ran("said", { Image: "busybox", Cmd: ["echo", "x"] }),
    ...created("idle", { Image: "variant:2" }),
    ...questions.map((step) => prefixed(version, step)),
  ]);
