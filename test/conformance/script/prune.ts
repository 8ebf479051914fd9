import { get, group, post, setup } from "../step.ts";
import { created, ran, sleeper, started } from "./make.ts";

export const prune = group("prune", [
  post("/containers/prune"),
  ...ran("gone", { Image: "busybox", Cmd: ["sh", "-c", "echo 12345 >/file"] }),
  ...created("never", { Image: "busybox", Labels: { keep: "1" } }),
  ...started("kept", sleeper),
  get("/system/df"),
  get("/system/df", { type: ["container", "volume", "image", "build-cache"] }),
  post("/containers/prune", undefined, { filters: { label: ["nothing"] } }),
  post("/containers/prune", undefined, { filters: { until: ["1h"] } }),
  post("/containers/prune", undefined, { filters: { until: ["x"] } }),
  post("/containers/prune", undefined, { filters: { nonsense: ["x"] } }),
  post("/containers/prune", undefined, { filters: { "label!": ["keep"] } }),
  post("/containers/prune"),
  get("/containers/json", { all: 1 }),
  setup(post("/containers/kept/kill")),
]);
