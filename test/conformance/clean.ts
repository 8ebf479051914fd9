import { busyboxArchive } from "../support/busybox-image.ts";
import { send } from "./client.ts";
import { del, get, post, type Step, type Vars } from "./step.ts";

const jsonOf = async <T>(socketPath: string, step: Step): Promise<T> => {
  const answer = await send(socketPath, step, new Map());
  if (answer.status >= 400) throw new Error(`${step.name}: ${answer.status} ${answer.body.toString()}`);
  return JSON.parse(answer.body.toString() || "null") as T;
};

const must = async (socketPath: string, step: Step): Promise<void> => {
  const answer = await send(socketPath, step, new Map());
  if (answer.status >= 400 && answer.status !== 404)
    throw new Error(`${step.name}: ${answer.status} ${answer.body.toString()}`);
};

/** Removes every container, network, volume and image of an engine, which must be one of ours. */
export const clean = async (socketPath: string): Promise<void> => {
  for (const { Id } of await jsonOf<{ Id: string }[]>(socketPath, get("/containers/json", { all: 1 }))) {
    await must(socketPath, del(`/containers/${Id}`, { force: 1, v: 1 }));
  }
  for (const { Name } of await jsonOf<{ Name: string }[]>(socketPath, get("/networks"))) {
    if (!["bridge", "host", "none"].includes(Name)) await must(socketPath, del(`/networks/${Name}`));
  }
  const { Volumes } = await jsonOf<{ Volumes: { Name: string }[] | null }>(socketPath, get("/volumes"));
  for (const { Name } of Volumes ?? []) await must(socketPath, del(`/volumes/${Name}`, { force: 1 }));
  for (const { Id } of await jsonOf<{ Id: string }[]>(socketPath, get("/images/json", { all: 1 }))) {
    await must(socketPath, del(`/images/${Id}`, { force: 1 }));
  }
};

export const variantConfig = {
  Env: ["PATH=/bin", "GREETING=hello"],
  Entrypoint: ["/bin/echo"],
  Cmd: ["variant"],
  Labels: { kind: "variant", "org.example.version": "2" },
  ExposedPorts: { "8080/tcp": {}, "53/udp": {} },
  Volumes: { "/data": {} },
  WorkingDir: "/www",
  User: "app",
  StopSignal: "SIGINT",
};

/** An engine that is ready for a script. */
export interface Prepared {
  socketPath: string;
  /** What the script's lines name in angle brackets, by name; the lines add to it. */
  vars: Vars;
  /** The engine's data root. */
  rootDir: string;
}

/** Empties an engine, which must be one of ours, but for the two images of all scripts: `busybox:latest` and `variant:2`. */
export const prepare = async (socketPath: string): Promise<Prepared> => {
  await clean(socketPath);
  const vars: Vars = new Map();
  const variant = busyboxArchive({
    tags: ["variant:2"],
    created: "2024-01-02T03:04:06Z",
    config: variantConfig,
    layers: [[{ name: "etc/variant", content: "variant\n" }]],
  });
  for (const archive of [busyboxArchive(), variant]) {
    await must(socketPath, {
      ...post("/images/load", undefined, { quiet: 1 }),
      headers: { "Content-Type": "application/x-tar" },
      body: archive,
    });
  }
  const id = async (name: string) => (await jsonOf<{ Id: string }>(socketPath, get(`/images/${name}/json`))).Id;
  vars.set("busybox-image", await id("busybox"));
  vars.set("variant-image", await id("variant:2"));
  vars.set("busybox-short", (vars.get("busybox-image") ?? "").slice(7, 19));
  vars.set("bridge-network", (await jsonOf<{ Id: string }>(socketPath, get("/networks/bridge"))).Id);
  const { DockerRootDir } = await jsonOf<{ DockerRootDir: string }>(socketPath, get("/info"));
  return { socketPath, vars, rootDir: DockerRootDir };
};
