import { invalidParameter } from "../../../base/errors.ts";
import { containerConfig, containerCreate, containerUpdate } from "../body/container.ts";
import type { Call } from "../call.ts";
import { quote } from "../query.ts";
import type { Route } from "../router.ts";
import type { ContainerRoutesService, WaitCondition } from "../../services.ts";

/** The life of containers. **Source:** Engine API, tag Container. */
export const containerRoutes = (containers: ContainerRoutesService): Route[] => [
  {
    method: "GET",
    path: "/containers/json",
    handle: async (call) => {
      const { query } = call;
      const limit = query.integer("limit") ?? -1;
      const options = { all: query.boolean("all"), limit, size: query.boolean("size"), filters: query.filters() };
      call.json(200, await containers.list(options));
    },
  },
  {
    method: "POST",
    path: "/containers/create",
    handle: async (call) => {
      const body = await call.body(containerCreate);
      // 0 and -1 both say "no limit".
      if ((body.HostConfig?.PidsLimit ?? 1) <= 0) delete body.HostConfig?.PidsLimit;
      call.json(201, await containers.create(call.query.string("name"), call.query.string("platform"), body));
    },
  },
  {
    method: "GET",
    path: "/containers/{id}/json",
    handle: async (call) =>
      call.json(200, await containers.inspect(call.param("id"), { size: call.query.boolean("size") })),
  },
  { method: "POST", path: "/containers/{id}/start", handle: (call) => start(containers, call) },
  {
    method: "POST",
    path: "/containers/{id}/stop",
    handle: async (call) => {
      await containers.stop(call.param("id"), stopOptions(call));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/restart",
    handle: async (call) => {
      await containers.restart(call.param("id"), stopOptions(call));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/kill",
    handle: async (call) => {
      await containers.kill(call.param("id"), call.query.string("signal"));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/pause",
    handle: async (call) => {
      await containers.pause(call.param("id"));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/unpause",
    handle: async (call) => {
      await containers.unpause(call.param("id"));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/rename",
    handle: async (call) => {
      await containers.rename(call.param("id"), call.query.string("name"));
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/{id}/update",
    handle: async (call) => {
      const body = (await call.optionalBody(containerUpdate)) ?? {};
      // Here a limit is taken away by 0 or any negative number.
      if ((body.PidsLimit ?? 0) < 0) body.PidsLimit = 0;
      call.json(200, await containers.update(call.param("id"), body));
    },
  },
  { method: "POST", path: "/containers/{id}/wait", handle: (call) => wait(containers, call) },
  {
    method: "DELETE",
    path: "/containers/{id}",
    handle: async (call) => {
      const { query } = call;
      await containers.remove(call.param("id"), {
        force: query.boolean("force"),
        removeVolumes: query.boolean("v"),
        removeLink: query.boolean("link"),
      });
      call.empty(204);
    },
  },
  {
    method: "POST",
    path: "/containers/prune",
    handle: async (call) => call.json(200, await containers.prune(call.query.filters())),
  },
  {
    method: "POST",
    path: "/commit",
    handle: async (call) => {
      const { query } = call;
      const config = await call.optionalBody({ ...containerConfig, type: "container.CreateRequest" });
      const committed = await containers.commit({
        container: query.string("container"),
        repo: query.string("repo"),
        tag: query.string("tag"),
        comment: query.string("comment"),
        author: query.string("author"),
        pause: query.boolean("pause", true),
        changes: query.strings("changes"),
        // An empty one, or null, says nothing: the container's own is meant.
        config: config && Object.keys(config).length > 0 ? config : undefined,
      });
      call.json(201, committed);
    },
  },
];

const stopOptions = ({ query }: Call) => ({ signal: query.optional("signal"), timeoutSeconds: query.integer("t") });

/** Clients of before 1.24 sent a host config here; an empty object or none is what is left of that. */
const longestIgnoredBody = 7;

const start = async (containers: ContainerRoutesService, call: Call): Promise<void> => {
  const length = call.header("content-length");
  if (Number(length ?? 0) > longestIgnoredBody || (length === undefined && call.header("transfer-encoding"))) {
    throw invalidParameter(
      "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
    );
  }
  await containers.start(call.param("id"));
  call.empty(204);
};

const conditions: readonly WaitCondition[] = ["not-running", "next-exit", "removed"];

/** The headers go out before what is waited for: the client starts the container only when it has them. */
const wait = async (containers: ContainerRoutesService, call: Call): Promise<void> => {
  const asked = call.query.string("condition");
  const condition = asked === "" ? "not-running" : conditions.find((known) => known === asked);
  if (condition === undefined) throw invalidParameter(`invalid condition: ${quote(asked)}`);
  const { result } = await containers.wait(call.param("id"), condition, call.signal);
  const lines = call.lines();
  lines.open();
  lines.write(await result);
  lines.end();
};
