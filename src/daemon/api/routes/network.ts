import { invalidParameter } from "../../../base/errors.ts";
import { parseTimestampMs } from "../../../base/timestamp.ts";
import { networkConnect, networkCreate, networkDisconnect } from "../body/network.ts";
import type { Call } from "../call.ts";
import { quote } from "../query.ts";
import type { Route } from "../router.ts";
import type { ContainerRoutesService, NetworkRoutesService } from "../../services.ts";

/** Until then the list told of every network's containers, too. */
const versionWithoutContainers = 28;
const localScope = { verbose: false, scope: "" };

const goBoolean = /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/;

/** @throws EngineError invalid-parameter in Docker's words */
const verboseOf = ({ query }: Call): boolean => {
  const text = query.string("verbose");
  if (text !== "" && !goBoolean.test(text)) {
    throw invalidParameter(
      `invalid value for verbose: ${text}: strconv.ParseBool: parsing ${quote(text)}: invalid syntax`,
    );
  }
  return /^(?:1|t)/i.test(text);
};

/** **Source:** Engine API, tag Network. */
export const networkRoutes = (networks: NetworkRoutesService, containers: ContainerRoutesService): Route[] => {
  const list = async (call: Call): Promise<void> => {
    const found = await networks.list(call.query.filters());
    const detailed = call.version < versionWithoutContainers;
    call.json(
      200,
      detailed ? await Promise.all(found.map(async ({ Id = "" }) => networks.inspect(Id, localScope))) : found,
    );
  };
  return [
    { method: "GET", path: "/networks", handle: list },
    { method: "GET", path: "/networks/", handle: list },
    {
      method: "GET",
      path: "/networks/{id}",
      handle: async (call) => {
        const options = { verbose: verboseOf(call), scope: call.query.string("scope") };
        call.json(200, await networks.inspect(call.param("id"), options));
      },
    },
    {
      method: "POST",
      path: "/networks/create",
      handle: async (call) => call.json(201, await networks.create((await call.optionalBody(networkCreate)) ?? {})),
    },
    {
      method: "DELETE",
      path: "/networks/{id}",
      handle: async (call) => {
        await networks.remove(call.param("id"));
        call.empty(204);
      },
    },
    {
      method: "POST",
      path: "/networks/{id}/connect",
      handle: async (call) => {
        await containers.connect(call.param("id"), (await call.optionalBody(networkConnect)) ?? {});
        call.empty(200);
      },
    },
    {
      method: "POST",
      path: "/networks/{id}/disconnect",
      handle: async (call) => {
        await containers.disconnect(call.param("id"), (await call.optionalBody(networkDisconnect)) ?? {});
        call.empty(200);
      },
    },
    {
      method: "POST",
      path: "/networks/prune",
      handle: async (call) => {
        const filters = call.query.filters();
        const [until] = filters.get("until");
        const untilNs =
          until === undefined ? undefined : BigInt(parseTimestampMs(until, Date.now(), invalidParameter)) * 1_000_000n;
        call.json(200, await networks.prune(filters, untilNs));
      },
    },
  ];
};
