import { invalidParameter, notFound, notImplemented, unavailable } from "../../../base/errors.ts";
import type { Route } from "../router.ts";

type Method = Route["method"];

const noManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Operations of a swarm manager, answered by a daemon that is none. **Source:** Engine API, tags Swarm to Config. */
const managerOperations: readonly [Method, string][] = [
  ["GET", "/swarm"],
  ["POST", "/swarm/update"],
  ["GET", "/swarm/unlockkey"],
  ["POST", "/swarm/unlock"],
  ["GET", "/nodes"],
  ["GET", "/nodes/{id}"],
  ["DELETE", "/nodes/{id}"],
  ["POST", "/nodes/{id}/update"],
  ["GET", "/services"],
  ["POST", "/services/create"],
  ["GET", "/services/{id}"],
  ["DELETE", "/services/{id}"],
  ["POST", "/services/{id}/update"],
  ["GET", "/services/{id}/logs"],
  ["GET", "/tasks"],
  ["GET", "/tasks/{id}"],
  ["GET", "/tasks/{id}/logs"],
  ["GET", "/secrets"],
  ["POST", "/secrets/create"],
  ["GET", "/secrets/{id}"],
  ["DELETE", "/secrets/{id}"],
  ["POST", "/secrets/{id}/update"],
  ["GET", "/configs"],
  ["POST", "/configs/create"],
  ["GET", "/configs/{id}"],
  ["DELETE", "/configs/{id}"],
  ["POST", "/configs/{id}/update"],
];

/** Operations that this engine does not have yet, with what to tell of each. */
const missing: readonly [Method, string, string][] = [
  ["POST", "/swarm/init", "swarm mode is not implemented by this engine yet"],
  ["POST", "/swarm/join", "swarm mode is not implemented by this engine yet"],
  ["POST", "/build", "building images is not implemented by this engine yet"],
  ["POST", "/session", "build sessions are not implemented by this engine yet"],
  ["POST", "/grpc", "the BuildKit API is not implemented by this engine yet"],
  ["GET", "/plugins/privileges", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/pull", "managed plugins are not implemented by this engine yet"],
  ["DELETE", "/plugins/{name}", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/{name}/enable", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/{name}/disable", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/{name}/upgrade", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/create", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/{name}/push", "managed plugins are not implemented by this engine yet"],
  ["POST", "/plugins/{name}/set", "managed plugins are not implemented by this engine yet"],
  ["GET", "/containers/{id}/checkpoints", "checkpoints are not implemented by this engine yet"],
  ["POST", "/containers/{id}/checkpoints", "checkpoints are not implemented by this engine yet"],
  ["DELETE", "/containers/{id}/checkpoints/{checkpoint}", "checkpoints are not implemented by this engine yet"],
];

/** Routes that say truthfully that there is nothing behind them. */
export const unsupportedRoutes: readonly Route[] = [
  ...managerOperations.map(([method, path]): Route => ({
    method,
    path,
    handle: () => Promise.reject(unavailable(noManager)),
  })),
  ...missing.map(([method, path, message]): Route => ({
    method,
    path,
    handle: () => Promise.reject(notImplemented(message)),
  })),
  {
    method: "POST",
    path: "/swarm/leave",
    handle: () => Promise.reject(unavailable("This node is not part of a swarm")),
  },
  // Nothing builds, so there is no cache: `docker system prune` asks for it every time.
  {
    method: "POST",
    path: "/build/prune",
    handle: (call) => call.json(200, { CachesDeleted: null, SpaceReclaimed: 0 }),
  },
  // No plugin can be installed, so there is none.
  { method: "GET", path: "/plugins", handle: (call) => call.json(200, []) },
  {
    method: "GET",
    path: "/plugins/{name}/json",
    handle: (call) => Promise.reject(notFound(`plugin ${JSON.stringify(call.param("name"))} not found`)),
  },
  {
    method: "POST",
    path: "/build/cancel",
    handle: (call) => {
      if (call.query.string("id") === "") throw invalidParameter("build ID not provided");
      throw notImplemented("building images is not implemented by this engine yet");
    },
  },
];
