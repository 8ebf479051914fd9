import { invalidParameter } from "../../../base/errors.ts";
import { execCreate, execStart } from "../body/exec.ts";
import type { Route } from "../router.ts";
import type { ContainerRoutesService } from "../../services.ts";
import { hijackType } from "./container-stream.ts";
import { terminalSize } from "./terminal-size.ts";

/** **Source:** Engine API, tag Exec. */
export const execRoutes = (containers: ContainerRoutesService): Route[] => [
  {
    method: "POST",
    path: "/containers/{id}/exec",
    handle: async (call) => {
      const config = (await call.optionalBody(execCreate)) ?? {};
      if (!config.Cmd?.length) throw invalidParameter("No exec command specified");
      call.json(201, await containers.execCreate(call.param("id"), config));
    },
  },
  {
    method: "POST",
    path: "/exec/{id}/start",
    hijack: true,
    handle: async (call) => {
      const options = (await call.optionalBody(execStart)) ?? {};
      const attachment = await containers.execStart(call.param("id"), options);
      if (attachment === undefined) return call.empty(200);
      await attachment.run(call.hijack({ contentType: hijackType(call, attachment.tty), extra: call.commonHeaders }));
    },
  },
  {
    method: "POST",
    path: "/exec/{id}/resize",
    handle: async (call) => {
      const { rows, columns } = terminalSize(call.query);
      await containers.execResize(call.param("id"), rows, columns);
      call.empty(200);
    },
  },
  {
    method: "GET",
    path: "/exec/{id}/json",
    handle: async (call) => call.json(200, await containers.execInspect(call.param("id"))),
  },
];
