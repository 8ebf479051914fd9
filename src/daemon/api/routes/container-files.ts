import { invalidParameter } from "../../../base/errors.ts";
import type { Call } from "../call.ts";
import { tarType } from "../headers.ts";
import type { Route } from "../router.ts";
import type { PathStat } from "../../container/archive/path-stat.ts";
import type { ContainerRoutesService } from "../../services.ts";

/** Files of containers. **Source:** Engine API, operations ContainerArchive…, ContainerChanges, ContainerExport. */
export const containerFileRoutes = (containers: ContainerRoutesService): Route[] => [
  {
    method: "HEAD",
    path: "/containers/{id}/archive",
    handle: async (call) => {
      const stat = await containers.statPath(call.param("id"), archivePath(call));
      call.head(200, statHeader(stat));
    },
  },
  {
    method: "GET",
    path: "/containers/{id}/archive",
    handle: async (call) => {
      const { stat, tar } = await containers.getArchive(call.param("id"), archivePath(call));
      await call.pipe(tar, tarType, statHeader(stat));
    },
  },
  {
    method: "PUT",
    path: "/containers/{id}/archive",
    handle: async (call) => {
      const { query } = call;
      await containers.putArchive(call.param("id"), archivePath(call), call.stream, {
        noOverwriteDirNonDir: query.boolean("noOverwriteDirNonDir"),
        copyUIDGID: query.boolean("copyUIDGID"),
      });
      call.empty(200);
    },
  },
  {
    method: "GET",
    path: "/containers/{id}/changes",
    handle: async (call) => {
      const changes = await containers.changes(call.param("id"));
      call.json(200, changes?.length ? changes : null);
    },
  },
  {
    method: "GET",
    path: "/containers/{id}/export",
    handle: async (call) => call.pipe(await containers.export(call.param("id")), "application/octet-stream"),
  },
];

const archivePath = (call: Call): string => {
  const path = call.query.string("path");
  // Without a space between: so dockerd says it.
  if (path === "") throw invalidParameter("bad parameter: pathcannot be empty");
  return path;
};

const statHeader = (stat: PathStat): string[] => [
  "X-Docker-Container-Path-Stat",
  Buffer.from(JSON.stringify(stat)).toString("base64"),
];
