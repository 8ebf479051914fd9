import type { Access } from "../auth/authenticator.ts";
import { fault } from "../fault.ts";
import { isRepositoryName } from "../name.ts";
import type { Services } from "../services.ts";
import { sendJson } from "./exchange.ts";
import type { Exchange } from "./exchange.ts";
import { deleteBlob, getBlob } from "./handlers/blob.ts";
import { getCatalog, getReferrers, getTags } from "./handlers/lists.ts";
import { deleteManifest, getManifest, putManifest } from "./handlers/manifest.ts";
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from "./handlers/upload.ts";
import type { Route } from "./route.ts";

type Handler<R extends Route> = (services: Services, exchange: Exchange, route: R) => Promise<void> | void;
type Methods<R extends Route> = Partial<Record<string, Handler<R>>>;

const base: Handler<Route> = (_services, exchange) => sendJson(exchange, 200, {});

const handlers: { [K in Route["kind"]]: Methods<Extract<Route, { kind: K }>> } = {
  base: { GET: base, HEAD: base },
  catalog: { GET: getCatalog },
  tags: { GET: getTags },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: postUpload },
  upload: { GET: getUpload, HEAD: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  referrers: { GET: getReferrers },
};

const writes = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** What somebody must be allowed for a request. **Source:** docker-registry, registry/handlers/app.go. */
const accessOf = (route: Route, method: string, query: URLSearchParams): Access[] => {
  if (route.kind === "base") return [];
  if (route.kind === "catalog") return [{ type: "registry", name: "catalog", action: "*" }];
  const on = (action: Access["action"], name = route.repository): Access => ({ type: "repository", name, action });
  if (method === "DELETE" && route.kind !== "upload") return [on("delete")];
  if (route.kind !== "uploads" && route.kind !== "upload" && !writes.has(method)) return [on("pull")];
  const from = route.kind === "uploads" && query.has("mount") ? query.get("from") : null;
  return [on("pull"), on("push"), ...(from !== null && isRepositoryName(from) ? [on("pull", from)] : [])];
};

/** Refuses what the registry's mode does not allow. @throws RegistryFault UNSUPPORTED */
const checkMode = ({ config, proxy }: Services, route: Route, method: string): void => {
  if (!writes.has(method)) return;
  const because = (message: string) => fault("UNSUPPORTED", { message });
  if (proxy !== undefined) throw because("this registry is a pull-through cache");
  if (config.readOnly) throw because("this registry is read-only");
  const deletes = method === "DELETE" && route.kind !== "upload";
  if (deletes && !config.deleteEnabled) throw because("deleting is not enabled in this registry");
};

/** Does what a request asks for. @throws RegistryFault */
export const handle = async (services: Services, exchange: Exchange, route: Route): Promise<void> => {
  const method = exchange.request.method ?? "";
  const methods = handlers[route.kind] as Methods<Route>;
  const handler = methods[method];
  const asked = services.authenticator.authorize(exchange.request, accessOf(route, method, exchange.query));
  exchange.actor = asked instanceof Promise ? await asked : asked;
  if (handler === undefined) {
    throw fault("UNSUPPORTED", { headers: { allow: Object.keys(methods).join(", ") } });
  }
  checkMode(services, route, method);
  await handler(services, exchange, route);
};
